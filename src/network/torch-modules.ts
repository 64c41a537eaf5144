/** The modules in which torchvision and timm keep VGG-16's layers: `torchvision/models/vgg.py`, `timm/models/vgg.py`. */

/** One layer a row: the paper's name, torchvision's module, timm's module. */
export const LAYER_MODULES: readonly (readonly [paper: string, torchvision: string, timm: string])[] = [
  ['conv1_1', 'features.0', 'features.0'],
  ['conv1_2', 'features.2', 'features.2'],
  ['conv2_1', 'features.5', 'features.5'],
  ['conv2_2', 'features.7', 'features.7'],
  ['conv3_1', 'features.10', 'features.10'],
  ['conv3_2', 'features.12', 'features.12'],
  ['conv3_3', 'features.14', 'features.14'],
  ['conv4_1', 'features.17', 'features.17'],
  ['conv4_2', 'features.19', 'features.19'],
  ['conv4_3', 'features.21', 'features.21'],
  ['conv5_1', 'features.24', 'features.24'],
  ['conv5_2', 'features.26', 'features.26'],
  ['conv5_3', 'features.28', 'features.28'],
  ['fc6', 'classifier.0', 'pre_logits.fc1'],
  ['fc7', 'classifier.3', 'pre_logits.fc2'],
  ['fc8', 'classifier.6', 'head.fc'],
];

/** torchvision's module of each layer, by the paper's name. */
export const TORCHVISION_MODULES: ReadonlyMap<string, string> = new Map(
  LAYER_MODULES.map(([paper, torchvision]) => [paper, torchvision]),
);

/** torchvision's and timm's modules that have weights, each with the paper's name of its layer. */
export const TORCH_MODULES: readonly (readonly [module: string, paper: string])[] = LAYER_MODULES.flatMap(
  ([paper, torchvision, timm]) => [[torchvision, paper] as const, [timm, paper] as const],
);
