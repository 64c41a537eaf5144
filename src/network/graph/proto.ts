/** The protobuf classes of TensorFlow's graph messages, as tfjs-node ships them (generated JavaScript without types). */

import { createRequire } from 'node:module';

/** What jspb's generated classes share, as far as the graph builder needs it. */
interface Message {
  serializeBinary(): Uint8Array;
}

interface MessageMap<T> {
  set(key: string, value: T): void;
}

export interface TensorShape extends Message {
  addDim(dim: Dim): void;
  setUnknownRank(unknown: boolean): void;
}

interface Dim extends Message {
  setSize(size: number): void;
}

interface Tensor extends Message {
  setDtype(dtype: number): void;
  setTensorShape(shape: TensorShape): void;
  setFloatValList(values: number[]): void;
  setIntValList(values: number[]): void;
  /** Bytes, as base64. */
  setStringValList(values: string[]): void;
}

interface ListValue extends Message {
  setIList(values: number[]): void;
  /** Bytes, as base64. */
  setSList(values: string[]): void;
  setTypeList(values: number[]): void;
  setShapeList(values: TensorShape[]): void;
}

interface NameAttrList extends Message {
  setName(name: string): void;
}

export interface AttrValue extends Message {
  setType(type: number): void;
  setShape(shape: TensorShape): void;
  /** Bytes, as base64. */
  setS(text: string): void;
  setI(value: number): void;
  setF(value: number): void;
  setB(flag: boolean): void;
  setList(list: ListValue): void;
  setTensor(tensor: Tensor): void;
  setFunc(called: NameAttrList): void;
}

export interface NodeDef extends Message {
  setName(name: string): void;
  setOp(op: string): void;
  setInputList(inputs: string[]): void;
  getAttrMap(): MessageMap<AttrValue>;
}

interface VersionDef extends Message {
  setProducer(version: number): void;
}

interface ArgDef extends Message {
  setName(name: string): void;
  setType(type: number): void;
}

interface OpDef extends Message {
  setName(name: string): void;
  setInputArgList(args: ArgDef[]): void;
  setOutputArgList(args: ArgDef[]): void;
}

export interface FunctionDef extends Message {
  setSignature(signature: OpDef): void;
  addNodeDef(node: NodeDef): void;
  getRetMap(): MessageMap<string>;
}

interface FunctionDefLibrary extends Message {
  addFunction(definition: FunctionDef): void;
}

interface GraphDef extends Message {
  addNode(node: NodeDef): void;
  setVersions(version: VersionDef): void;
  setLibrary(library: FunctionDefLibrary): void;
}

export interface TensorInfo extends Message {
  setName(name: string): void;
  setDtype(dtype: number): void;
  setTensorShape(shape: TensorShape): void;
}

export interface SignatureDef extends Message {
  setMethodName(name: string): void;
  getInputsMap(): MessageMap<TensorInfo>;
  getOutputsMap(): MessageMap<TensorInfo>;
}

interface MetaInfoDef extends Message {
  setTagsList(tags: string[]): void;
}

export interface SaverDef extends Message {
  setFilenameTensorName(name: string): void;
  setSaveTensorName(name: string): void;
  setRestoreOpName(name: string): void;
  /** 2: the checkpoints of today. */
  setVersion(version: number): void;
}

interface BytesList extends Message {
  /** As base64. */
  setValueList(values: string[]): void;
}

interface CollectionDef extends Message {
  setBytesList(list: BytesList): void;
}

interface MetaGraphDef extends Message {
  setMetaInfoDef(info: MetaInfoDef): void;
  setGraphDef(graph: GraphDef): void;
  setSaverDef(saver: SaverDef): void;
  getCollectionDefMap(): MessageMap<CollectionDef>;
  getSignatureDefMap(): MessageMap<SignatureDef>;
}

interface SavedModel extends Message {
  setSavedModelSchemaVersion(version: number): void;
  addMetaGraphs(graph: MetaGraphDef): void;
}

interface Proto {
  readonly AttrValue: (new () => AttrValue) & { readonly ListValue: new () => ListValue };
  readonly CollectionDef: (new () => CollectionDef) & { readonly BytesList: new () => BytesList };
  readonly FunctionDef: new () => FunctionDef;
  readonly FunctionDefLibrary: new () => FunctionDefLibrary;
  readonly GraphDef: new () => GraphDef;
  readonly MetaGraphDef: (new () => MetaGraphDef) & { readonly MetaInfoDef: new () => MetaInfoDef };
  readonly NameAttrList: new () => NameAttrList;
  readonly NodeDef: new () => NodeDef;
  readonly OpDef: (new () => OpDef) & { readonly ArgDef: new () => ArgDef };
  readonly SavedModel: new () => SavedModel;
  readonly SaverDef: new () => SaverDef;
  readonly SignatureDef: new () => SignatureDef;
  readonly Tensor: new () => Tensor;
  readonly TensorInfo: new () => TensorInfo;
  readonly TensorShape: (new () => TensorShape) & { readonly Dim: new () => Dim };
  readonly VersionDef: new () => VersionDef;
}

const require = createRequire(import.meta.url);

export const proto: Proto = require('@tensorflow/tfjs-node/dist/proto/api_pb.js');
