/** tfjs-node's native addon, as far as it is used, and the arrays that go into it and come out. */

/** What is fed: the numbers row by row. Bytes are for what JavaScript has no arrays of, to be cast in the graph. */
export interface FeedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | Uint8Array;
}

/** What comes out, row by row. */
export interface FetchedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | Uint8Array;
}

/** The part of tfjs-node's addon that is used: dist/tfjs_binding.d.ts of the package, whose version is pinned. */
export interface Addon {
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_UINT8: number;
  readonly TF_STRING: number;
  createTensor(shape: readonly number[], dtype: number, data: FeedTensor['data'] | readonly Uint8Array[]): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): FetchedTensor['data'];
  loadSavedModel(folder: string, tags: string): number;
  deleteSavedModel(id: number): void;
  runSavedModel(
    id: number,
    inputIds: readonly number[],
    inputs: string,
    outputs: string,
  ): readonly { readonly id: number; readonly shape: readonly number[] }[];
}
