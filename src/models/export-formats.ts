/** The formats that a model is exported in, in one list: what is a folder, what a name's extension means, who writes it. */

import type { Exporter } from '../formats/export/options.js';

/** Each module is loaded when it is asked for. */
const EXPORTERS = {
  savedmodel: async (): Promise<Exporter> => {
    const { exportSavedmodel } = await import('../formats/savedmodel/write.js');
    const { saveVariables } = await import('../engine/save-variables.js');
    return (model, path, options) => exportSavedmodel(model, path, options, saveVariables);
  },
  onnx: async () => (await import('../formats/onnx/write.js')).exportOnnx,
  safetensors: async () => (await import('../formats/safetensors/write.js')).exportSafetensors,
  pytorch: async () => (await import('../formats/pytorch/write.js')).exportPytorch,
  tfjs: async () => (await import('../formats/tfjs/write.js')).exportTfjs,
  keras: async () => (await import('../formats/keras/write.js')).exportKeras,
} as const satisfies Record<string, () => Promise<Exporter>>;

export type ExportFormat = keyof typeof EXPORTERS;

export const EXPORT_FORMATS = Object.keys(EXPORTERS) as readonly ExportFormat[];

/** Formats that are a folder; the others are a file. */
export const FOLDER_FORMATS: readonly ExportFormat[] = ['savedmodel', 'tfjs'];

const BY_EXTENSION: Readonly<Record<string, ExportFormat>> = {
  '.onnx': 'onnx',
  '.safetensors': 'safetensors',
  '.pth': 'pytorch',
  '.pt': 'pytorch',
  '.keras': 'keras',
};

/** The format of a file's extension, `.onnx`; `undefined` where it says none. */
export function formatOfExtension(extension: string): ExportFormat | undefined {
  return BY_EXTENSION[extension.toLowerCase()];
}

/** What writes a format. */
export function exporterOf(format: ExportFormat): Promise<Exporter> {
  return EXPORTERS[format]();
}
