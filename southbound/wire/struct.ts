/**
 * struct() declares a fixed wire layout once; offsets, accessors, reader, writer and printer are
 * generated from the declaration with `new Function`, as fast as written by hand.
 * Bits are numbered as in RFC diagrams: bit 0 is the most significant bit of byte 0.
 * Two ways to use one: `ipv4.get.ttl(frame, at)` in place (no allocation up to 48 bits) and
 * `ipv4.read(frame, at)` as a value. Neither checks lengths: check once, on entry. write() checks the
 * values that it is given, `set` does not.
 * Neighbours: record.ts puts variable parts behind a struct; error.ts.
 */

type Kind = 'number' | 'bigint' | 'text' | 'pad'

/** The type of one field of a wire format. `T` is the JavaScript type of its values. */
export interface Field<T extends number | bigint | string = number | bigint | string> {
  readonly bits: number
  readonly kind: Kind
  readonly doc: string
  format(value: T): string
  /** Phantom, never present: carries T. */
  readonly value?: T
}

/** Reserved bits: written 0, ignored on receipt, left out of values. */
export interface Pad extends Field<never> {
  readonly kind: 'pad'
}

export type Fields = Readonly<Record<string, Field>>
export type ValueOf<F> = F extends Field<infer T> ? T : never
/** Names of the fields that have values, that is all but the pads. */
export type Named<F extends Fields> = { [K in keyof F]: F[K] extends Pad ? never : K }[keyof F]
/** The value type of a field set: `Of<typeof udp.fields>`. */
export type Of<F extends Fields> = { -readonly [K in Named<F>]: ValueOf<F[K]> }

const dec = (value: number | bigint) => String(value)
const hex = (value: number | bigint) => `0x${value.toString(16)}`

/** Unsigned integer of 1 to 48 bits, a number. */
export function uint(
  bits: number,
  doc = '',
  format: (value: number) => string = dec,
): Field<number> {
  if (bits < 1 || bits > 48) throw new RangeError(`uint(${bits}): 1 to 48 bits; use wide()`)
  return { bits, kind: 'number', doc, format }
}
/** Unsigned integer of 49 to 128 bits, a bigint. */
export function wide(
  bits: number,
  doc = '',
  format: (value: bigint) => string = hex,
): Field<bigint> {
  if (bits <= 48 || bits > 128) throw new RangeError(`wide(${bits}): 49 to 128 bits; use uint()`)
  return { bits, kind: 'bigint', doc, format }
}
/** ISO 8859-1 text in `size` bytes, ended by a zero byte when shorter. */
export const text = (size: number, doc = ''): Field<string> => ({
  bits: 8 * size,
  kind: 'text',
  doc,
  format: (value) => JSON.stringify(value),
})
/** Reserved bits, any number of them. */
export const pad = (bits: number): Pad => ({
  bits,
  kind: 'pad',
  doc: 'reserved; sent 0, ignored on receipt',
  format: () => '',
})
export const u8 = (doc?: string) => uint(8, doc)
export const u16 = (doc?: string) => uint(16, doc)
export const u24 = (doc?: string) => uint(24, doc)
export const u32 = (doc?: string) => uint(32, doc)
export const u64 = (doc?: string) => wide(64, doc, dec)
export const hex8 = (doc?: string) => uint(8, doc, hex)
export const hex16 = (doc?: string) => uint(16, doc, hex)
export const hex32 = (doc?: string) => uint(32, doc, hex)
export const hex64 = (doc?: string) => wide(64, doc, hex)
/** A MAC address, a number below 2^48. */
export const mac = (doc?: string) =>
  uint(48, doc, (value) =>
    value
      .toString(16)
      .padStart(12, '0')
      .replace(/..(?!$)/g, '$&:'),
  )
/** An IPv4 address, a number below 2^32. */
export const ipv4 = (doc?: string) =>
  uint(32, doc, (v) => `${v >>> 24}.${(v >>> 16) & 255}.${(v >>> 8) & 255}.${v & 255}`)

export interface Struct<F extends Fields> {
  readonly name: string
  /** The document and section that defines the layout. */
  readonly reference: string
  readonly fields: F
  /** Bytes on the wire. */
  readonly size: number
  /** Bit offset of each field. */
  readonly at: { readonly [K in keyof F]: number }
  /** Reads one field in place. */
  readonly get: {
    readonly [K in Named<F>]: (bytes: Uint8Array, offset: number) => ValueOf<F[K]>
  }
  /** Writes one field in place; bits above the field's width are lost. */
  readonly set: {
    readonly [K in Named<F>]: (bytes: Uint8Array, offset: number, value: ValueOf<F[K]>) => void
  }
  read(bytes: Uint8Array, offset: number): Of<F>
  /**
   * Writes all `size` bytes, pads as 0. @throws RangeError for a value that the field cannot hold, or
   * that is no number, bigint or text at all
   */
  write(bytes: Uint8Array, offset: number, value: Readonly<Of<F>>): void
  /** One line: `udp src=53 dst=1024 …`. */
  format(value: Readonly<Of<F>>): string
}

export function struct<const F extends Fields>(
  name: string,
  reference: string,
  fields: F,
): Struct<F> {
  const at: Record<string, number> = {}
  let bits = 0
  for (const [key, field] of Object.entries(fields)) {
    at[key] = bits
    bits += field.bits
  }
  if (bits % 8 !== 0) throw new Error(`${name}: ${bits} bits is not a whole number of bytes`)
  const named = Object.entries(fields).filter(([, field]) => field.kind !== 'pad')
  const getters = named.map(([k, f]) => [k, compile('b,o', `return ${reader(f, at[k] ?? 0)}`)])
  const setters = named.map(([k, f]) => [k, compile('b,o,v', writer(f, at[k] ?? 0, 'v'))])
  return {
    name,
    reference,
    fields,
    size: bits / 8,
    at: at as never,
    get: Object.fromEntries(getters) as never,
    set: Object.fromEntries(setters) as never,
    read: compile('b,o', `return {${readProperties(fields)}}`) as never,
    write: compile('b,o,v', writeStatementsOf(name, fields)) as never,
    format: (value) =>
      `${name} ${named.map(([k, f]) => `${k}=${f.format(value[k as never] as never)}`).join(' ')}`,
  }
}

/** JavaScript source `a:…,b:…` of the properties of a value read from b at o; for record(). */
export function readProperties(fields: Fields, without: readonly string[] = []): string {
  const out: string[] = []
  let at = 0
  for (const [key, field] of Object.entries(fields)) {
    if (field.kind !== 'pad' && !without.includes(key)) out.push(`${key}:${reader(field, at)}`)
    at += field.bits
  }
  return out.join(',')
}

/** JavaScript source that writes the properties of `v` to b at o, having checked them; for record(). */
export function writeStatementsOf(
  name: string,
  fields: Fields,
  without: readonly string[] = [],
): string {
  let out = ''
  let at = 0
  Object.entries(fields).forEach(([key, field], i) => {
    const value = `v${i}`
    if (field.kind === 'pad') out += writer(field, at, '')
    else if (!without.includes(key)) {
      const bad = `$.refuse('${name}','${key}','${wanted(field)}',${value})`
      out += `const ${value}=v.${key};if(${misfit(field, value)})${bad};${writer(field, at, value)}`
    }
    at += field.bits
  })
  return out
}

/** Source of whether `v` is nothing that the field can hold. */
function misfit({ kind, bits }: Field, v: string): string {
  if (kind === 'text') return `!$.isText(${v},${bits >> 3})`
  if (kind === 'bigint') return `typeof ${v}!=='bigint'||${v}<0n||${v}>${2n ** BigInt(bits) - 1n}n`
  const most = bits === 32 ? '' : `||${v}>${2 ** bits - 1}`
  const whole = bits <= 32 ? `${v}>>>0!==${v}` : `${v}<0||Math.floor(${v})!==${v}`
  return `typeof ${v}!=='number'||${whole}${most}`
}

/** In the words of an error. */
function wanted({ kind, bits }: Field): string {
  if (kind === 'text') return `a text of at most ${bits >> 3} characters of ISO 8859-1`
  if (kind === 'bigint') return `a bigint of at most ${bits} bits`
  return `a whole number from 0 to ${2 ** bits - 1}`
}

/** For fields that are written by `set`. @throws RangeError for a value that the field cannot hold */
export function check(what: string, field: Field, value: unknown): void {
  const most = field.kind === 'bigint' ? 2n ** BigInt(field.bits) - 1n : 2 ** field.bits - 1
  if (isWithin(value, most)) return
  throw new RangeError(`${what} wants ${wanted(field)}, not ${shown(value)}`)
}

/** Whether it is a whole number of the type of `most`, from 0 to that. */
export function isWithin(value: unknown, most: number | bigint): boolean {
  if (typeof value === 'number') {
    return typeof most === 'number' && value >= 0 && value <= most && Math.floor(value) === value
  }
  return typeof value === 'bigint' && typeof most === 'bigint' && value >= 0n && value <= most
}

/** A value in the words of an error. */
export const shown = (value: unknown): string =>
  typeof value === 'string'
    ? JSON.stringify(value)
    : typeof value === 'bigint'
      ? `${value}n`
      : String(value)

// One 64-bit cell seen as two halves: the cheapest way between a bigint and two numbers.
const whole = new BigUint64Array(1)
const halves = new Uint32Array(whole.buffer)
const LOW = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 0 : 1

/** What generated code may call. `join`: the bigint of two u32 numbers. */
const helpers = {
  refuse(name: string, field: string, wants: string, value: unknown): never {
    throw new RangeError(`${name}: ${field} wants ${wants}, not ${shown(value)}`)
  },
  isText: (value: unknown, size: number): boolean =>
    typeof value === 'string' && value.length <= size && !/[^\0-\xff]/.test(value),
  join(high: number, low: number): bigint {
    halves[1 - LOW] = high
    halves[LOW] = low
    return whole[0] as bigint
  },
  high(value: bigint): number {
    whole[0] = value
    return halves[1 - LOW] as number
  },
  low(value: bigint): number {
    whole[0] = value
    return halves[LOW] as number
  },
  readText(bytes: Uint8Array, start: number, size: number): string {
    let out = ''
    for (let i = start; i < start + size && bytes[i] !== 0; i++) {
      out += String.fromCharCode(bytes[i] as number)
    }
    return out
  },
  writeText(bytes: Uint8Array, start: number, size: number, value: string): void {
    for (let i = 0; i < size; i++) {
      bytes[start + i] = i < value.length ? value.charCodeAt(i) : 0
    }
  },
}

/** Compiles source that may use `$.join` and the other helpers; `free` are further bindings. */
export function compile(
  parameters: string,
  body: string,
  free: Readonly<Record<string, unknown>> = {},
): (...args: never[]) => unknown {
  const names = ['$', ...Object.keys(free)]
  const make = new Function(...names, `return function(${parameters}){${body}}`)
  return make(helpers, ...Object.values(free))
}

function reader(field: Field, at: number): string {
  if (field.kind === 'text') return `$.readText(b,o+${at >> 3},${field.bits >> 3})`
  return field.kind === 'bigint' ? readWide(at, field.bits) : readExpression(at, field.bits)
}

/** JavaScript source reading `bits` (1 to 48) bits at bit offset `at` of byte array `b` at `o`. */
export function readExpression(at: number, bits: number): string {
  const first = at >> 3
  const last = (at + bits - 1) >> 3
  if (bits > 32 || last - first > 3) {
    const low = (at + bits) % 8 === 0 && bits > 32 ? 32 : 24
    return `(${readExpression(at, bits - low)}*${2 ** low}+${readExpression(at + bits - low, low)})`
  }
  const tail = (last + 1) * 8 - (at + bits)
  const bytes: string[] = []
  for (let i = first; i <= last; i++) {
    bytes.push(last === i ? `b[o+${i}]` : `b[o+${i}]<<${8 * (last - i)}`)
  }
  if (bits === 8 && tail === 0) return bytes.join('')
  return `((${bytes.join('|')})>>>${tail}${bits < 32 ? `&${2 ** bits - 1}` : ''})`
}

function readWide(at: number, bits: number): string {
  if (bits === 64) return `$.join(${readExpression(at, 32)},${readExpression(at + 32, 32)})`
  if (bits === 128) return `(${readWide(at, 64)}<<64n|${readWide(at + 64, 64)})`
  const top = bits % 32 || 32
  const parts: string[] = []
  for (let done = 0, n = top; done < bits; done += n, n = 32) {
    parts.push(`BigInt(${readExpression(at + done, n)})<<${bits - done - n}n`)
  }
  return `(${parts.map((part) => `(${part})`).join('|')})`
}

function writer(field: Field, at: number, v: string): string {
  const size = field.bits >> 3
  if (field.kind === 'text') return `$.writeText(b,o+${at >> 3},${size},${v});`
  if (field.kind === 'bigint') return writeWide(at, field.bits, v)
  if (field.kind === 'number') return writeStatements(at, field.bits, v)
  let out = ''
  for (let done = 0, n = 0; done < field.bits; done += n) {
    n = Math.min(8 - ((at + done) % 8), field.bits - done)
    out += writeStatements(at + done, n, '0')
  }
  return out
}

/** Source of statements writing the low `bits` (1 to 48) bits of the number `v`. */
function writeStatements(at: number, bits: number, v: string): string {
  const first = at >> 3
  const last = (at + bits - 1) >> 3
  if (bits > 32 || last - first > 3) {
    const low = (at + bits) % 8 === 0 && bits > 32 ? 32 : 24
    const high = `Math.floor(${v}/${2 ** low})`
    return writeStatements(at, bits - low, high) + writeStatements(at + bits - low, low, v)
  }
  // The value is worked out once, as an integer; `x` shadows nothing that `v` names.
  if (last > first && v !== 'x') return `{const x=${v}>>>0;${writeStatements(at, bits, 'x')}}`
  const tail = (last + 1) * 8 - (at + bits)
  let out = ''
  for (let i = first; i <= last; i++) {
    const shift = 8 * (last - i) - tail
    const from = Math.max(0, at - i * 8)
    const to = Math.min(8, at + bits - i * 8)
    const mask = ((1 << (to - from)) - 1) << (8 - to)
    const value = shift > 0 ? `(${v}>>>${shift})` : shift < 0 ? `(${v}<<${-shift})` : v
    out += `b[o+${i}]=${mask === 255 ? value : `b[o+${i}]&${255 ^ mask}|${value}&${mask}`};`
  }
  return out
}

function writeWide(at: number, bits: number, v: string): string {
  let out = ''
  for (let done = 0; done < bits; ) {
    const left = bits - done
    const n = left % 32 || 32
    const piece = left > 64 ? `(${v}>>${left - n}n)` : v
    const half = left <= 32 || left > 64 ? 'low' : 'high'
    out += writeStatements(at + done, n, `$.${half}(${piece})`)
    done += n
  }
  return out
}
