/** Models that have a name, and where their files are looked for. */

import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ExitCode, modelError, RunError } from '../errors.js';
import type { ModelCard } from './card.js';
import { rememberedHash } from './hash.js';
import { IMAGENET_LABELS } from './imagenet-labels.js';

/** Names and what they stand for, as listed in messages. */
export const KNOWN_MODELS = {
  imagenet: "torchvision's VGG16_Weights.IMAGENET1K_V1, 1,000 classes",
  mini: 'ships with the tool: CIFAR-10, 10 classes, 32x32 pixels',
  random: 'the full-size network with random weights (--seed, --num-classes)',
} as const;

export type KnownModel = keyof typeof KNOWN_MODELS;

export function isKnownModel(name: string): name is KnownModel {
  return Object.hasOwn(KNOWN_MODELS, name);
}

/** The model that ships with the tool; the same path from `src/` and from `dist/`. */
export const MINI_FILE = fileURLToPath(new URL('../../fixtures/models/mini.safetensors', import.meta.url));

/** torchvision names its files after the first digits of their sha256. */
export const IMAGENET_PTH = 'vgg16-397923af.pth';
export const IMAGENET_SHA256_PREFIX = '397923af';

/** What is known of torchvision's file beyond what it holds: torchvision/models/vgg.py, `VGG16_Weights`. */
export const IMAGENET_CARD: Pick<ModelCard, 'name' | 'labels' | 'license' | 'source' | 'accuracy'> = {
  name: 'imagenet',
  labels: IMAGENET_LABELS,
  license: 'BSD-3-Clause (torchvision); trained on ImageNet, whose terms may apply',
  source: `torchvision VGG16_Weights.IMAGENET1K_V1, ${IMAGENET_PTH}`,
  accuracy: { top1: 71.592, top5: 90.382, on: 'the ImageNet-1k validation set' },
};

/** The environment variables that say where PyTorch keeps its downloads. */
export interface TorchEnvironment {
  readonly TORCH_HOME?: string | undefined;
  readonly XDG_CACHE_HOME?: string | undefined;
}

/** The `imagenet` weights: a file of ours (its card says all), or torchvision's own, checked by its hash. */
export interface ImagenetFile {
  readonly path: string;
  readonly own: boolean;
}

/** The first that exists: our file in the cache, torchvision's there, torchvision's where torch.hub put it. */
export async function findImagenet(cacheDir: string, env: TorchEnvironment): Promise<ImagenetFile> {
  const own = join(cacheDir, 'models', 'imagenet.safetensors');
  const cached = join(cacheDir, 'models', IMAGENET_PTH);
  const hub = join(torchHome(env), 'hub', 'checkpoints', IMAGENET_PTH);
  if (await exists(own)) return { path: own, own: true };
  for (const path of [cached, hub]) {
    if (!(await exists(path))) continue;
    await checkHash(path, cacheDir);
    return { path, own: false };
  }
  throw new RunError(
    'MODEL_NOT_FOUND',
    `The imagenet weights are not on this machine: looked for ${own}, ${cached} and ${hub}.`,
    {
      exitCode: ExitCode.Model,
      hint:
        `Put torchvision's ${IMAGENET_PTH} (528 MB) into ${join(cacheDir, 'models')}, or fetch it with ` +
        `python3 -c "import torchvision; torchvision.models.vgg16(weights='IMAGENET1K_V1')"; ` +
        '--model mini ships with the tool and needs no file.',
    },
  );
}

/** torch.hub's folder: `torch/hub.py`, `_get_torch_home`. */
function torchHome({ TORCH_HOME, XDG_CACHE_HOME }: TorchEnvironment): string {
  return TORCH_HOME || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'torch');
}

async function checkHash(path: string, cacheDir: string): Promise<void> {
  const hash = await rememberedHash(path, cacheDir);
  if (!hash.startsWith(IMAGENET_SHA256_PREFIX)) {
    throw modelError(`Expected a sha256 that starts with ${IMAGENET_SHA256_PREFIX} for ${path} but it is ${hash}.`, {
      hint: 'The download is damaged or incomplete: delete the file and fetch it again.',
    });
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
