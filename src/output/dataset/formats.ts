/** The names that `export` takes for its formats. */

export const ROW_FILE_FORMATS = ['parquet', 'csv', 'jsonl'] as const;

export type RowFileFormat = (typeof ROW_FILE_FORMATS)[number];

/** How layers are kept: an NPY file a part, columns of the Parquet rows, or not at all. */
export const EMBEDDING_FORMATS = ['npy', 'parquet', 'none'] as const;

export type EmbeddingFormat = (typeof EMBEDDING_FORMATS)[number];
