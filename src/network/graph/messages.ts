/** TensorFlow's messages about nodes and signatures, from plain values. */

import { type AttrValue, type NodeDef, proto, type SignatureDef, type TensorInfo } from './proto.js';

/** `DataType` of tensorflow/core/framework/types.proto. */
export const DType = {
  float32: 1,
  int32: 3,
  uint8: 4,
  int8: 6,
  string: 7,
  bool: 10,
  qint8: 11,
  quint8: 12,
  bfloat16: 14,
  half: 19,
} as const;
export type DType = (typeof DType)[keyof typeof DType];

/** The value of one node attribute. */
export type Attribute =
  | { readonly type: DType }
  | { readonly shape: readonly number[] }
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] }
  | { readonly types: readonly DType[] }
  | { readonly shapes: readonly (readonly number[])[] }
  | { readonly text: string }
  | { readonly textList: readonly string[] }
  /** A constant: one, or a list. */
  | { readonly texts: string | readonly string[] }
  | { readonly called: string }
  | { readonly flag: boolean }
  | {
      readonly constant: {
        readonly dtype: DType;
        readonly shape: readonly number[];
        readonly values: readonly number[];
      };
    };

/** The name of a node; `^name` as an input waits for the node without reading it. */
export type Node = string;

/** A signature: feeds and fetches by the names that the caller uses. */
export interface Signature {
  readonly inputs: Readonly<Record<string, SignatureTensor>>;
  readonly outputs: Readonly<Record<string, SignatureTensor>>;
}

export interface SignatureTensor {
  readonly node: Node;
  /** Which of the node's outputs; the first unless given. */
  readonly output?: number;
  readonly dtype: DType;
  /** For readers of the signature; -1 stands for any size. */
  readonly shape?: readonly number[];
}

/** How TensorFlow fills variables, as it loads a SavedModel. */
export interface Saver {
  /** Takes the path of the checkpoint. */
  readonly path: Node;
  /** Gives the path back once the variables are saved there. */
  readonly save: Node;
  /** Fills them. */
  readonly restore: Node;
}

/** A node on its own, as functions have them too; its inputs are as the message spells them. */
export function nodeMessage(
  op: string,
  name: string,
  inputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>>,
): NodeDef {
  const node = new proto.NodeDef();
  node.setName(name);
  node.setOp(op);
  node.setInputList([...inputs]);
  for (const [key, value] of Object.entries(attributes)) node.getAttrMap().set(key, attributeMessage(value));
  return node;
}

export function saverMessage({ path, save, restore }: Saver) {
  const message = new proto.SaverDef();
  message.setFilenameTensorName(`${path}:0`);
  message.setSaveTensorName(`${save}:0`);
  message.setRestoreOpName(restore);
  message.setVersion(2);
  return message;
}

/** How jspb takes bytes. */
const base64 = (text: string): string => Buffer.from(text).toString('base64');

function shapeMessage(shape: readonly number[]) {
  const message = new proto.TensorShape();
  for (const size of shape) {
    const dim = new proto.TensorShape.Dim();
    dim.setSize(size);
    message.addDim(dim);
  }
  return message;
}

function attributeMessage(value: Attribute): AttrValue {
  const message = new proto.AttrValue();
  if ('type' in value) {
    message.setType(value.type);
  } else if ('shape' in value) {
    message.setShape(shapeMessage(value.shape));
  } else if ('int' in value) {
    message.setI(value.int);
  } else if ('float' in value) {
    message.setF(value.float);
  } else if ('ints' in value) {
    const list = new proto.AttrValue.ListValue();
    list.setIList([...value.ints]);
    message.setList(list);
  } else if ('types' in value) {
    const list = new proto.AttrValue.ListValue();
    list.setTypeList([...value.types]);
    message.setList(list);
  } else if ('shapes' in value) {
    const list = new proto.AttrValue.ListValue();
    list.setShapeList(value.shapes.map(shapeMessage));
    message.setList(list);
  } else if ('textList' in value) {
    const list = new proto.AttrValue.ListValue();
    list.setSList(value.textList.map(base64));
    message.setList(list);
  } else if ('called' in value) {
    const called = new proto.NameAttrList();
    called.setName(value.called);
    message.setFunc(called);
  } else if ('texts' in value) {
    const tensor = new proto.Tensor();
    tensor.setDtype(DType.string);
    tensor.setTensorShape(shapeMessage(typeof value.texts === 'string' ? [] : [value.texts.length]));
    tensor.setStringValList([value.texts].flat().map(base64));
    message.setTensor(tensor);
  } else if ('text' in value) {
    message.setS(base64(value.text));
  } else if ('flag' in value) {
    message.setB(value.flag);
  } else {
    const { dtype, shape, values } = value.constant;
    const tensor = new proto.Tensor();
    tensor.setDtype(dtype);
    tensor.setTensorShape(shapeMessage(shape));
    if (dtype === DType.float32) tensor.setFloatValList([...values]);
    else tensor.setIntValList([...values]);
    message.setTensor(tensor);
  }
  return message;
}

export function signatureMessage({ inputs, outputs }: Signature): SignatureDef {
  const message = new proto.SignatureDef();
  message.setMethodName('tensorflow/serving/predict');
  for (const [key, tensor] of Object.entries(inputs)) message.getInputsMap().set(key, tensorInfo(tensor));
  for (const [key, tensor] of Object.entries(outputs)) message.getOutputsMap().set(key, tensorInfo(tensor));
  return message;
}

function tensorInfo({ node, output = 0, dtype, shape }: SignatureTensor): TensorInfo {
  const info = new proto.TensorInfo();
  info.setName(`${node}:${output}`);
  info.setDtype(dtype);
  if (shape === undefined) {
    const unknown = new proto.TensorShape();
    unknown.setUnknownRank(true);
    info.setTensorShape(unknown);
  } else info.setTensorShape(shapeMessage(shape));
  return info;
}
