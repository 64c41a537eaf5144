/** A row that an earlier run has computed, among the rows of a run that goes on with its output. */

import type { FailedRow, RowBase } from '../rows/records.js';
import type { EarlierRow } from './source.js';

/** The bytes of the row are copied from where `kept` says that they are. */
export type KeptRow = RowBase & { readonly kept: EarlierRow } & (
    | { readonly status: 'ok' }
    | Pick<FailedRow, 'status' | 'error'>
  );
