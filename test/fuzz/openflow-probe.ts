/**
 * Looks into the codec while it runs: every list of typed elements that the rows declare (actions,
 * instructions, bands, properties …) is found through Part.shape; from then on its rows count how
 * often they were read and refused, and can be told to write wrong bytes inside right lengths.
 * Patches the parts of this process for good. Neighbour: openflow.ts.
 */
import { actionRows } from '../../southbound/openflow/action.ts'
import { instructionRows, instructionsPart } from '../../southbound/openflow/instruction.ts'
import { messageRows } from '../../southbound/openflow/message-rows.ts'
import { multipartRows } from '../../southbound/openflow/multipart.ts'
import { UnknownError, WireError } from '../../southbound/wire/error.ts'
import type { AnyPart, Case } from '../../southbound/wire/record.ts'
import type { Writer } from '../../southbound/wire/writer.ts'
import { Counter, type Coverage } from './engine.ts'
import type { Random } from './random.ts'

interface Table {
  readonly name: string
  readonly rows: Readonly<Record<string, Case>>
  readonly padded: boolean
  /** Names by the part that reads them: parts are shared. */
  readonly byPart: Map<AnyPart, string[]>
  readonly decoded: Counter
  readonly refused: Counter
}

/**
 * Whether any bytes are refused by it: not when it takes all that is left behind a head that is always
 * there. `least`: bytes that it has in any case.
 */
export function isRefusable({ shape }: AnyPart, least = 0): boolean {
  if (shape?.is === 'bytes') return false
  if (shape?.is !== 'record') return true
  return shape.head.size > least || Object.values(shape.parts).some((part) => isRefusable(part))
}
/** Padded elements are 8 bytes or more, and an experimenter's 16. */
const leastOf = (padded: boolean, type: Case[0]) => (!padded ? 0 : typeof type === 'number' ? 4 : 6)

export interface Probe {
  /** Wrong bytes are written from now on, once in a few elements; undefined: right ones. */
  corrupt(random: Random | undefined): void
  coverage(): Coverage[]
}

export function probeOpenflow(): Probe {
  const tables = new Map<object, Table>()
  const open: Table[] = []
  const seen = new Set<AnyPart>()
  let corrupting: Random | undefined

  const typeIs = ([type]: Case, bytes: Uint8Array, body: number) => {
    const u16 = (at: number) => (bytes[at]! << 8) | bytes[at + 1]!
    if (typeof type === 'number') return u16(body - 4) === type
    return u16(body - 6) * 65536 + u16(body - 4) === type[0] && u16(body - 2) === type[1]
  }

  function watchRow(part: AnyPart): void {
    const { read, write } = part
    const patched = part as { -readonly [K in keyof AnyPart]: AnyPart[K] }
    patched.read = (bytes, start, end) => {
      const table = open.at(-1)
      const names = table?.byPart.get(part)
      const name = names?.find((one) => typeIs(table!.rows[one]!, bytes, start))
      if (!table || name === undefined) return read(bytes, start, end)
      try {
        const value = read(bytes, start, end)
        table.decoded.add(name)
        return value
      } catch (error) {
        if (error instanceof WireError && !(error instanceof UnknownError)) table.refused.add(name)
        throw error
      }
    }
    patched.write = (writer, value) => {
      const at = writer.length
      write(writer, value)
      if (corrupting?.once(3)) spoil(corrupting, writer, at)
    }
  }

  function watchList(
    part: AnyPart,
    name: string,
    rows: Readonly<Record<string, Case>>,
    padded: boolean,
  ): void {
    const known = [...tables.values()].find(
      (one) => Object.keys(one.rows).join() === Object.keys(rows).join(),
    )
    const table: Table = known ?? {
      ...{ name, rows, padded, byPart: new Map(), decoded: new Counter(), refused: new Counter() },
    }
    tables.set(part, table)
    for (const [row, [, body]] of Object.entries(rows)) {
      const names = table.byPart.get(body) ?? []
      if (!names.includes(row)) table.byPart.set(body, [...names, row])
      find(body, row)
      if (!seenRow.has(body)) watchRow(body)
      seenRow.add(body)
    }
    const { read } = part
    ;(part as { read: AnyPart['read'] }).read = (bytes, start, end) => {
      open.push(table)
      try {
        return read(bytes, start, end)
      } finally {
        open.pop()
      }
    }
  }
  const seenRow = new Set<AnyPart>()

  function find(part: AnyPart, name: string): void {
    if (seen.has(part)) return
    seen.add(part)
    const { shape } = part
    if (shape?.is === 'tlvs') watchList(part, name, shape.cases, shape.padded)
    if (shape?.is === 'list') find(shape.element, name)
    if (shape?.is === 'lazy') find(shape.part(), name)
    if (shape?.is === 'record') {
      for (const [key, one] of Object.entries(shape.parts)) find(one, `${name}.${key}`)
    }
    if (shape?.is === 'sequence') {
      for (const item of shape.items) {
        if (typeof item.size === 'number') continue
        for (const [key, one] of Object.entries(item)) find(one as AnyPart, `${name}.${key}`)
      }
    }
  }

  // The lists with a name of their own first, so that they keep it.
  find(instructionRows.apply_actions[1], 'instruction')
  find(instructionsPart, 'instruction')
  for (const [name, [, part]] of Object.entries(messageRows)) find(part, name)
  for (const [name, [, request, reply]] of Object.entries(multipartRows)) {
    find(request, name)
    find(reply, name)
  }
  for (const [name, [, part]] of Object.entries(actionRows)) find(part, name)

  return {
    corrupt: (random) => {
      corrupting = random
    },
    coverage: () =>
      [...new Set(tables.values())].flatMap(({ name, rows, padded, decoded, refused }) =>
        Object.entries(rows).map(([row, [type, part]]) => ({
          ...{ table: name, row, decoded: decoded.of(row), refused: refused.of(row) },
          refusable: isRefusable(part, leastOf(padded, type)),
        })),
      ),
  }
}

/** Makes what was written from `at` on longer, shorter or other. */
function spoil(random: Random, writer: Writer, at: number): void {
  const size = writer.length - at
  const way = random.below(6)
  if (way > 2) {
    const more = random.pick([1, 4, 8, 8, 16, 24])
    const from = writer.reserve(more)
    for (let i = 0; i < more; i++) writer.bytes[from + i] = random.below(256)
  } else if (way === 0 && size > 0)
    writer.length -= Math.min(size, random.pick([1, 2, 4, 8, 8, 16, 64]))
  else if (size > 0) {
    const place = at + random.below(size)
    writer.bytes[place] =
      way === 1 ? random.below(256) : writer.bytes[place]! ^ (1 << random.below(8))
  }
}
