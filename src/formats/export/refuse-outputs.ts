/** What exporters refuse before they write. */

import { usageError } from '../../errors.js';
import type { Model } from '../../network/card.js';
import type { ExporterOptions } from './options.js';

/** For formats that hold weights and no network: they cannot say which layers to give. */
export function refuseOutputs(format: string, { card }: Model, { outputs }: ExporterOptions): void {
  const last = card.architecture.classifier === null ? 'pool5' : 'fc8';
  if (outputs.length === 1 && outputs[0] === last) return;
  throw usageError(
    `Expected no --outputs for --format ${format}, which holds the weights of all layers and no network.`,
    'Leave --outputs out, or choose --format onnx, savedmodel, keras or tfjs.',
  );
}
