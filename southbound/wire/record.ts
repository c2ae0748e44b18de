/**
 * Variable-length wire formats as values: a struct followed by named parts, lists, and elements of
 * { type, length, body }. Declared as tables; a new message or action is a new row. For the control
 * channel: packets use struct.ts in place. Neighbours: struct.ts, writer.ts, error.ts.
 */
import { UnknownError, WireError } from './error.ts'
import {
  compile,
  type Fields,
  type Of,
  readProperties,
  type Struct,
  shown,
  writeStatementsOf,
} from './struct.ts'
import type { Writer } from './writer.ts'

/** How a part is made, for who derives from declarations: generators of values, documents. */
export type Shape =
  | { readonly is: 'struct'; readonly head: Struct<Fields> }
  | {
      readonly is: 'record'
      readonly head: Struct<Fields>
      readonly parts: Readonly<Record<string, AnyPart>>
      /** Length fields, which values do not have. */
      readonly lengths: readonly string[]
    }
  | { readonly is: 'list'; readonly element: AnyPart }
  | {
      readonly is: 'tlvs'
      readonly cases: Readonly<Record<string, Case>>
      readonly padded: boolean
      readonly align: number
    }
  | { readonly is: 'sequence'; readonly items: readonly Item[] }
  | { readonly is: 'lazy'; readonly part: () => AnyPart }
  | { readonly is: 'bytes' | 'nothing' }

/** A struct, whose fields become properties, or one part as a property. */
export type Item = Head | Readonly<Record<string, AnyPart>>
/** biome-ignore lint/suspicious/noExplicitAny: a struct of any fields */
export type Head = Pick<Struct<any>, 'name' | 'fields' | 'size' | 'read' | 'write'>

/** Something that fills the bytes from `start` to `end`. */
export interface Part<T> {
  /** Reads exactly start..end; throws WireError, never anything else. */
  read(bytes: Uint8Array, start: number, end: number): T
  write(writer: Writer, value: T): void
  /** For parts that know their own length: where the one at `start` ends; at most `end`. */
  end?(bytes: Uint8Array, start: number, end: number): number
  /** Absent when written by hand. */
  readonly shape?: Shape
}
/** biome-ignore lint/suspicious/noExplicitAny: the wire kernel is generic over every part */
export type AnyPart = Part<any>
export type PartOf<P> = P extends Part<infer T> ? T : never
type Parts = Readonly<Record<string, AnyPart>>
type PartsOf<P extends Parts> = { -readonly [K in keyof P]: PartOf<P[K]> }
/** Flattens an intersection, for readable types. */
export type Flat<T> = { [K in keyof T]: T[K] }

/** A struct alone. */
export function fixed<F extends Fields>(layout: Struct<F>): Part<Of<F>> {
  const { name, size, fields } = layout
  return {
    read(bytes, start, end) {
      if (end - start !== size) {
        throw new WireError(`${name} is ${size} bytes, has ${end - start}`, start)
      }
      return layout.read(bytes, start)
    },
    // Generated, so that the engine need not find out which struct's it is.
    write: compile('w,v', headSource(name, size, fields)) as never,
    end: (_bytes, start) => start + size,
    shape: { is: 'struct', head: layout as never },
  }
}

const headSource = (name: string, size: number, fields: Fields, without?: readonly string[]) =>
  `const o=w.claim(${size}),b=w.bytes;${writeStatementsOf(name, fields, without)}`

/** Length fields of a record's head: they count a part's bytes, or ('self') the whole record. */
type Lengths<F extends Fields, P extends Parts> = Readonly<
  Partial<Record<keyof F & string, (keyof P & string) | 'self'>>
>

/**
 * A struct, then parts in order, one flat value. Length fields are declared, left out of values and
 * computed on writing. Every part but the last must have its length there or know its own.
 */
export function record<
  const F extends Fields,
  const P extends Parts,
  const L extends Lengths<F, P> = Readonly<Partial<Record<never, 'self'>>>,
>(head: Struct<F>, parts: P, lengths?: L): Part<Flat<Omit<Of<F>, keyof L> & PartsOf<P>>> {
  const names = Object.keys(parts)
  const counted = Object.entries(lengths ?? {}) as [string, string][]
  const self = counted.find(([, of]) => of === 'self')?.[0]
  const short = (start: number, size: number) => {
    throw new WireError(`${head.name} is at least ${head.size} bytes, has ${size}`, start)
  }
  const bad = (name: string, at: number) => {
    throw new WireError(`${head.name}: ${name} has a bad length`, at)
  }
  const missing = (name: string, value: unknown) => {
    throw new RangeError(`${head.name}: ${name} is missing (${shown(value)})`)
  }
  const free: Record<string, unknown> = { short, bad, missing, get: head.get, set: head.set }
  const computed = counted.map(([field]) => field)
  let read = `if(end-o<${head.size})short(o,end-o);let at=o+${head.size},stop=0;`
  let write = `${headSource(head.name, head.size, head.fields, computed)}let at=0;`
  names.forEach((name, i) => {
    free[`part${i}`] = parts[name]
    const length = counted.find(([, of]) => of === name)?.[0]
    if (length !== undefined) read += `stop=at+get.${length}(b,o);`
    else if (i === names.length - 1) read += 'stop=end;'
    else if (parts[name]?.end) read += `stop=part${i}.end(b,at,end);`
    else throw new Error(`${head.name}: part ${name} needs a length`)
    read += `if(stop>end)bad('${name}',at);const value${i}=part${i}.read(b,at,stop);at=stop;`
    write += `const part_${i}=v.${name};if(part_${i}==null)missing('${name}',part_${i});`
    write += `at=w.length;part${i}.write(w,part_${i});`
    if (length !== undefined) write += `set.${length}(w.bytes,o,w.length-at);`
  })
  if (self !== undefined) {
    // Another length than the bytes given would leave bytes that nobody reads.
    read = `if(end-o>=${head.size}&&get.${self}(b,o)!==end-o)bad('${self}',o);${read}`
    write += `set.${self}(w.bytes,o,w.length-o);`
  }
  if (names.length === 0) read += `if(at!==end)bad('its end',at);`
  const properties = [
    readProperties(head.fields, computed),
    ...names.map((name, i) => `${name}:value${i}`),
  ].filter((property) => property !== '')
  const part: AnyPart = {
    read: compile('b,o,end', `${read}return {${properties}}`, free) as never,
    write: compile('w,v', write, free) as never,
    shape: { is: 'record', head: head as never, parts, lengths: computed },
  }
  if (self === undefined) return part
  const length = head.get[self as never] as (bytes: Uint8Array, offset: number) => number
  return {
    ...part,
    end(bytes, start, end) {
      if (end - start < head.size) short(start, end - start)
      const stop = start + length(bytes, start)
      if (stop < start + head.size || stop > end) bad(self, start)
      return stop
    },
  }
}

/** The bytes themselves: a view on reading, a copy on writing. */
export const rest: Part<Uint8Array> = {
  read: (bytes, start, end) => bytes.subarray(start, end),
  write: (writer, value) => writer.append(value),
  shape: { is: 'bytes' },
}

/** Nothing; bytes that follow are refused. */
export const nothing: Part<Record<never, never>> = {
  read(_bytes, start, end) {
    if (start !== end) throw new WireError(`${end - start} bytes too many`, start)
    return {}
  },
  write() {},
  shape: { is: 'nothing' },
}

/** Elements that know their own length, until the end. */
export function list<T>(element: Part<T>): Part<readonly T[]> {
  const { end: endOf } = element
  if (!endOf) throw new Error('the elements of a list must know their length')
  return {
    read(bytes, start, end) {
      const out: T[] = []
      for (let at = start; at < end; ) {
        const stop = endOf(bytes, at, end)
        if (stop > end) throw new WireError('truncated element', at)
        out.push(element.read(bytes, at, stop))
        at = stop
      }
      return out
    },
    write(writer, values) {
      for (const value of values) element.write(writer, value)
    },
    shape: { is: 'list', element },
  }
}

/** A well-formed element of a type that no row declares; `bytes` follow type and length. */
export interface Unknown {
  readonly kind: 'unknown'
  readonly type: number
  readonly bytes: Uint8Array
}

/** `[type, body]`, or `[[experimenter, subtype], body]` for the experimenter's elements. */
export type Case = readonly [type: number | readonly [number, number], body: AnyPart]
export type CasesOf<C extends Readonly<Record<string, Case>>> =
  | { [K in keyof C]: Flat<{ readonly kind: K } & Readonly<PartOf<C[K][1]>>> }[keyof C]
  | Unknown

export interface TlvOptions {
  /** Elements start at multiples of this many bytes. */
  readonly align?: number
  /** Whether an element's length counts its padding (actions) or not (hello elements). */
  readonly padded?: boolean
  /** The type whose body starts with u32 experimenter, u16 subtype. */
  readonly experimenter?: number
}

/** A list of elements { u16 type, u16 length, body }; `kind` of a value is the row's name. */
export function tlvs<const C extends Readonly<Record<string, Case>>>(
  cases: C,
  { align = 8, padded = true, experimenter = -1 }: TlvOptions = {},
): Part<readonly CasesOf<C>[]> {
  interface Row {
    readonly kind: string
    readonly body: AnyPart
    write(writer: Writer, value: unknown): void
  }
  // Generated, so that each row has its own call of its body, which the engine then inlines.
  const writer = (type: Case[0] | 'v.type', body: Pick<AnyPart, 'write'>): Row['write'] => {
    const [id, subtype] = typeof type === 'object' ? type : []
    const head = id === undefined ? [type, 0] : [experimenter, 0, id >>> 16, id & 0xffff, subtype]
    const pad = `w.align(o,${align});`
    const source = [
      `const o=w.claim(${2 * head.length});`,
      ...head.map((half, i) => `w.patch16(o+${2 * i},${half});`),
      `body.write(w,v);${padded ? pad : ''}w.patch16(o+2,w.length-o);${padded ? '' : pad}`,
    ]
    return compile('w,v', source.join(''), { body }) as never
  }
  const writeUnknown = writer('v.type', { write: (w, value) => w.append(value.bytes) })
  const byKind = new Map<string, Row>()
  const plain = new Map<number, Row>()
  const vendored = new Map<string, Row>()
  for (const [kind, [type, body]] of Object.entries(cases)) {
    const row: Row = { kind, body, write: writer(type, body) }
    byKind.set(kind, row)
    if (typeof type === 'number') plain.set(type, row)
    else vendored.set(type.join(), row)
  }
  const u16 = (b: Uint8Array, at: number) => ((b[at] as number) << 8) | (b[at + 1] as number)
  return {
    read(bytes, start, end) {
      const out: CasesOf<C>[] = []
      for (let at = start; at < end; ) {
        if (end - at < 4) throw new WireError('truncated element', at)
        const type = u16(bytes, at)
        const length = u16(bytes, at + 2)
        const stop = at + length
        const next = padded ? stop : at + Math.ceil(length / align) * align
        if (length < 4 || next > end || (padded && length % align !== 0)) {
          throw new WireError(`element of type ${type} has a bad length ${length}`, at + 2)
        }
        let body = at + 4
        let row = plain.get(type)
        if (type === experimenter && length >= 10) {
          const vendor = u16(bytes, at + 4) * 65536 + u16(bytes, at + 6)
          row = vendored.get(`${vendor},${u16(bytes, at + 8)}`)
          if (row) body += 6
        }
        const value = row && readKnown(row.body, bytes, body, stop)
        if (row && value) out.push({ kind: row.kind, ...value } as never)
        else out.push({ kind: 'unknown', type, bytes: bytes.subarray(at + 4, stop) } as never)
        at = next
      }
      return out
    },
    write(writer, values) {
      for (const value of values as readonly ({ kind: string } & Unknown)[]) {
        const row = byKind.get(value.kind)
        if (row) row.write(writer, value)
        else if (value.kind === 'unknown') writeUnknown(writer, value)
        else throw new RangeError(`no element is called ${shown(value.kind)}`)
      }
    },
    shape: { is: 'tlvs', cases, padded, align },
  }
}

/** Undefined when the element is of a known type but is about something that no table knows. */
function readKnown(
  body: AnyPart,
  bytes: Uint8Array,
  start: number,
  end: number,
): object | undefined {
  try {
    return body.read(bytes, start, end)
  } catch (error) {
    if (error instanceof UnknownError) return undefined
    throw error
  }
}
