/**
 * Fuzzes the OpenFlow codec: messages made from the rows (test/southbound/openflow/values.ts), broken
 * inside by the probe and outside by damage(). What decodes must encode to bytes that decode to
 * the same. Neighbours: openflow-probe.ts, openflow-check.ts (what must hold), engine.ts.
 */
import fc from 'fast-check'
import { encode, type Message } from '../../southbound/openflow/message.ts'
import { messageRows } from '../../southbound/openflow/message-rows.ts'
import { multipartRows } from '../../southbound/openflow/multipart.ts'
import { fieldNames, fieldOf } from '../../southbound/openflow/oxm.ts'
import { WireError } from '../../southbound/wire/error.ts'
import type { AnyPart } from '../../southbound/wire/record.ts'
import { messages } from '../southbound/openflow/values.ts'
import { Counter, type Coverage, type Target } from './engine.ts'
import { checkFrames, checkMessage } from './openflow-check.ts'
import { materials } from './openflow-material.ts'
import { isRefusable, probeOpenflow } from './openflow-probe.ts'
import { damage, type Random, randomOf } from './random.ts'

const EACH = 60
const HEADER = 8
const rowNames = new Map<string, string>()
for (const [name, [code]] of Object.entries(messageRows)) rowNames.set(String(code), name)
const kindNames = new Map<string, string>()
for (const [name, [code]] of Object.entries(multipartRows)) kindNames.set(String(code), name)

export function openflowTarget(seed: number): Target {
  const probe = probeOpenflow()
  const decoded = new Counter()
  const refused = new Counter()
  const errors = new Counter()
  const fields = { decoded: new Counter(), refused: new Counter() }
  watchFields(fields.decoded)
  let material: Message[][] = []
  const renew = (from: number) => {
    const samples = (values: fc.Arbitrary<unknown>, i: number) =>
      fc.sample(values as fc.Arbitrary<Message>, { seed: from + 7919 * i, numRuns: EACH })
    material = [...Object.values(messages), ...materials].map(samples)
    // What is bytes inside of a message is written while it is made.
    probe.corrupt(randomOf(from))
    material.push(...materials.map(samples))
    probe.corrupt(undefined)
  }
  renew(seed)

  /** The rows of the header: the message and, where there is one, the multipart. */
  function labels(bytes: Uint8Array): string[] {
    if (bytes.length < HEADER) return []
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const code = bytes[1]!
    if (code === 4) {
      if (bytes.length < HEADER + 8) return []
      return [rowNames.get(`${view.getUint32(8)},${view.getUint32(12)}`) ?? 'experimenter']
    }
    const name = rowNames.get(String(code)) ?? 'unknown'
    if (!name.startsWith('multipart') || bytes.length < 16) return [name]
    let type = String(view.getUint16(8))
    if (type === '65535' && bytes.length >= 24) type = `${view.getUint32(16)},${view.getUint32(20)}`
    return [name, `${name} ${kindNames.get(type) ?? 'experimenter or unknown'}`]
  }

  function wire(random: Random, message: Message): Uint8Array {
    if (random.once(3)) return encode(message)
    probe.corrupt(random)
    try {
      return encode(message)
    } finally {
      probe.corrupt(undefined)
    }
  }

  return {
    renew,
    errors: errors.counts,
    passesHeader: (bytes) =>
      bytes.length >= HEADER && bytes[0] === 4 && bytes[2]! * 256 + bytes[3]! === bytes.length,
    next(random) {
      const one = wire(random, random.pick(random.pick(material)))
      const kind = random.below(10)
      if (kind < 5) return one
      const bytes = damage(random, one, encode(random.pick(random.pick(material))))
      // Mostly the header is put right, so that bodies are reached.
      if (kind < 9 && bytes.length >= HEADER && bytes.length <= 0xffff) {
        bytes[0] = 4
        if (kind < 8) bytes[1] = one[1]!
        bytes[2] = bytes.length >> 8
        bytes[3] = bytes.length
      }
      return bytes
    },
    run(bytes) {
      const names = labels(bytes)
      try {
        checkFrames(bytes)
        checkMessage(bytes)
        for (const name of names) decoded.add(name)
        return true
      } catch (error) {
        if (!(error instanceof WireError)) throw error
        errors.addError(error)
        const field = /^(\w+)(: bad OXM length|: bad value or mask| is there twice)/.exec(
          error.message,
        )?.[1]
        if (field !== undefined) fields.refused.add(field)
        for (const name of names) refused.add(name)
        return false
      }
    },
    coverage() {
      const row = (table: string, name: string, key: string, part?: AnyPart): Coverage => ({
        ...{ table, row: name, decoded: decoded.of(key), refused: refused.of(key) },
        refusable: part ? isRefusable(part) : true,
      })
      return [
        ...Object.entries(messageRows).map(([name, [, part]]) => row('message', name, name, part)),
        ...['request', 'reply'].flatMap((side, i) =>
          Object.entries(multipartRows).map(([name, of]) =>
            row(`multipart ${side}`, name, `multipart_${side} ${name}`, of[i === 0 ? 1 : 2]),
          ),
        ),
        ...probe.coverage(),
        ...fieldNames.map((name) => ({
          ...{ table: 'OXM field', row: name, decoded: fields.decoded.of(name) },
          ...{ refused: fields.refused.of(name), refusable: true },
        })),
      ]
    },
  }
}

/** Counts the values that are read of each field. */
function watchFields(counter: Counter): void {
  for (const name of fieldNames) {
    const field = fieldOf[name] as { get: (typeof fieldOf)[typeof name]['get'] }
    const { get } = field
    field.get = (bytes, offset, length) => {
      counter.add(name)
      return get(bytes, offset, length)
    }
  }
}
