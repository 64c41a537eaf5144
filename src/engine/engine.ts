/**
 * Runs a model in a thread of its own. TensorFlow blocks the thread that calls it, so it gets one, and the main thread
 * goes on decoding, writing and answering Ctrl-C. Batches travel as transferred buffers, without a copy.
 */

import { Worker } from 'node:worker_threads';
import { ADVICE, ExitCode, RunError } from '../errors.js';
import type { Outputs, SessionOptions } from './session.js';
import { configureTensorFlow } from './tensorflow.js';

export type { LayerOutput, OutputRequest, TopKRequest } from '../network/output-request.js';
export type { OutputArray, Outputs } from './session.js';

export interface EngineOptions extends SessionOptions {
  /** Threads of TensorFlow's kernels. TensorFlow reads it once a process: the first engine decides. */
  readonly threads: number;
}

/** To the worker; `pixels` is transferred. */
export interface BatchRequest {
  readonly id: number;
  readonly pixels: ArrayBuffer;
  readonly count: number;
}

/** From the worker: that TensorFlow is loaded (or cannot be), that the model is ready (or cannot be), then one for each request. */
export type WorkerReply =
  | { readonly type: 'loaded' }
  | { readonly type: 'ready' }
  | { readonly type: 'batch'; readonly id: number; readonly outputs: Outputs | null; readonly pixels: ArrayBuffer }
  | { readonly type: 'failed'; readonly id: number | null; readonly error: PlainError };

/** An error as plain data, with the stack of the thread that threw it. */
export interface PlainError {
  readonly message: string;
  readonly stack: string | undefined;
  readonly run: Pick<RunError, 'code' | 'exitCode' | 'hint'> | undefined;
}

/** To the worker, once, before all requests. */
export interface OpenRequest extends SessionOptions {
  /** One int32: not 0 when batches that have not begun shall be skipped. */
  readonly cancelled: SharedArrayBuffer;
}

/** A finished batch. */
export interface BatchResult {
  /** `null` when the batch was cancelled before it began. */
  readonly outputs: Outputs | null;
  /** The buffer of the request, given back to be filled again. */
  readonly pixels: ArrayBuffer;
}

interface Pending {
  readonly resolve: (result: BatchResult) => void;
  readonly reject: (error: Error) => void;
}

export class Engine {
  readonly #worker: Worker;
  readonly #cancelled: Int32Array;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #failure: Error | undefined;

  private constructor(worker: Worker, cancelled: Int32Array) {
    this.#worker = worker;
    this.#cancelled = cancelled;
  }

  /**
   * Starts the thread and loads TensorFlow in it, half a second that the caller can use for other things; the next engine
   * takes it. What goes wrong in it that engine tells. A process that needs none ends once TensorFlow is loaded, not before:
   * its own start does not bear being cut off.
   */
  static prepare({ threads }: Pick<EngineOptions, 'threads'>): void {
    if (prepared !== undefined) return;
    configureTensorFlow({ threads });
    const worker = startWorker();
    worker.once('message', () => {
      if (worker === prepared) worker.unref();
    });
    prepared = worker;
  }

  /** Starts the thread, where none is prepared, and loads the weights. Rejects with a RunError when the model or TensorFlow cannot be used. */
  static async open({ threads, model, precision, outputs }: EngineOptions): Promise<Engine> {
    configureTensorFlow({ threads });
    const cancelled = new SharedArrayBuffer(4);
    const worker = prepared ?? startWorker();
    prepared = undefined;
    worker.ref();
    const engine = new Engine(worker, new Int32Array(cancelled));
    await new Promise<void>((resolve, reject) => {
      const fail = (error: Error) => {
        engine.#fail(error);
        reject(error);
      };
      worker.on('message', (reply: WorkerReply) => {
        if (reply.type === 'loaded') return;
        if (reply.type === 'ready') resolve();
        else if (reply.type === 'failed' && reply.id === null) fail(fromPlain(reply.error));
        else engine.#settle(reply);
      });
      worker.on('error', fail);
      worker.on('exit', (code) => fail(new Error(`The engine's thread ended with code ${code}.`)));
      const request: OpenRequest = { model, precision, outputs, cancelled };
      worker.postMessage(request);
    });
    return engine;
  }

  /**
   * Runs `count` images; `pixels` holds count x size x size x 3 bytes (RGB) and may be longer. The buffer is transferred
   * and comes back with the result. Requests are served in order. Memory is made sure of for as many images as it has room
   * for; rejects with OutOfMemoryError where there is not enough.
   */
  run(pixels: ArrayBuffer, count: number): Promise<BatchResult> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      const request: BatchRequest = { id, pixels, count };
      this.#worker.postMessage(request, [pixels]);
    });
  }

  /** Lets the batch in progress finish and skips those behind it. */
  cancel(): void {
    Atomics.store(this.#cancelled, 0, 1);
  }

  /** Ends the thread and gives its memory back. */
  async close(): Promise<void> {
    this.#failure ??= new Error('The engine is closed.');
    await this.#worker.terminate();
  }

  #settle(reply: Extract<WorkerReply, { id: number | null }>): void {
    if (reply.id === null) return;
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (reply.type === 'batch') pending?.resolve({ outputs: reply.outputs, pixels: reply.pixels });
    else pending?.reject(fromPlain(reply.error));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#failure);
    this.#pending.clear();
  }
}

/** A thread with TensorFlow in it that no engine has taken yet. */
let prepared: Worker | undefined;

/** A thread takes over Node's options, and `--input-type` (of `node --input-type=module -e …`) would forbid it to run a file. */
const startWorker = (): Worker =>
  new Worker(new URL('./thread.js', import.meta.url), isTyped() ? { execArgv: [] } : {});

const isTyped = (): boolean => process.execArgv.some((option) => option.startsWith('--input-type'));

/** For the worker: an error as data that can be posted. */
export function toPlain(error: unknown): PlainError {
  if (!(error instanceof Error)) return { message: String(error), stack: undefined, run: undefined };
  const run = error instanceof RunError ? { code: error.code, exitCode: error.exitCode, hint: error.hint } : undefined;
  return { message: error.message, stack: error.stack, run };
}

/** There was no memory for a batch; the engine goes on, and a smaller one may fit. */
export class OutOfMemoryError extends RunError {
  constructor(reason: string) {
    super('OUT_OF_MEMORY', `Expected memory for the network but there was none left (${reason}).`, {
      exitCode: ExitCode.Unexpected,
      hint: `Give the process more memory, or ${ADVICE.lessWork}.`,
    });
  }
}

/** TensorFlow's RESOURCE_EXHAUSTED, C++'s new, oneDNN's out_of_memory, V8's buffers. */
const NO_MEMORY = /OOM when allocating|std::bad_alloc|could not create a memory|Array buffer allocation failed/;

function fromPlain({ message, stack, run }: PlainError): RunError {
  const reason = NO_MEMORY.exec(message)?.[0];
  if (run === undefined && reason !== undefined) return new OutOfMemoryError(reason);
  const { code = 'INTERNAL', exitCode = ExitCode.Unexpected, hint } = run ?? {};
  const error = new RunError(code, message, { exitCode, ...(hint === undefined ? {} : { hint }) });
  if (stack !== undefined) error.stack = stack;
  return error;
}
