/** What the network can be computed in. */

/** Arithmetic of the network; the last layer is float32 in each. */
export type Precision = 'f32' | 'bf16' | 'int8';

/**
 * `int8-simulated`: float32 arithmetic, rounded wherever int8 rounds. It tells on any processor what int8 gives, and is no
 * faster than float32.
 */
export type Arithmetic = Precision | 'int8-simulated';
