/**
 * Fuzzes an OvsdbServer as a peer would: texts of JSON-RPC on a connection, right, broken inside and cut.
 * Each request is answered, or waits, or ends its session with a typed reason; nothing is thrown.
 * Neighbours: ovsdb-material.ts, json.ts, engine.ts.
 */
import { Buffer } from 'node:buffer'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { OvsdbError } from '../../southbound/ovsdb/error.ts'
import { parseSchema } from '../../southbound/ovsdb/schema-json.ts'
import { OvsdbServer } from '../../southbound/ovsdb/server.ts'
import { WireError } from '../../southbound/wire/error.ts'
import { emptyZoo, zooSchema } from '../southbound/ovsdb/zoo.ts'
import { Counter, type Target } from './engine.ts'
import { brokenJson, jsonText } from './json.ts'
import { clientSides } from './ovsdb-client.ts'
import {
  columnNames,
  functionNames,
  mutatorNames,
  operationNames,
  phrases,
  requests,
} from './ovsdb-material.ts'
import { damage, joined, type Random, randomOf } from './random.ts'

type Message = Readonly<Record<string, unknown>>
interface Peer {
  readonly duplex: Duplex
  heard: Message[]
  /** Undefined while the session is there. */
  ended: { reason: Error | undefined } | undefined
  inputs: number
}
const EACH = 300
/** Of monitors, locks and waiting transactions, so that there are too many now and then. */
const MAX_PENDING = 3
/** Bytes of an answer, which a phrase goes beyond. */
const MAX_RESULT = 8_000
/** A session is left after this many inputs, and the database emptied. */
const SESSION = 200

const tables = {
  ...{ operation: operationNames, function: functionNames },
  ...{ mutator: mutatorNames, column: columnNames, method: Object.keys(requests) },
  client: ['schema', 'update', 'update2', 'rows', 'json', 'reply', 'stream'],
}

export function ovsdbTarget(seed: number): Target {
  const decoded = new Counter()
  const refused = new Counter()
  const errors = new Counter()
  const ids = randomOf(seed)
  const hex = () =>
    ids
      .below(2 ** 32)
      .toString(16)
      .padStart(8, '0')
  const newUuid = () => `${hex()}-0000-4000-8000-${hex()}${hex().slice(4)}`
  const schema = parseSchema(zooSchema)
  const server = new OvsdbServer(schema, {
    ...{ newUuid, maxPending: MAX_PENDING, maxResultBytes: MAX_RESULT },
  })
  const client = clientSides(schema)
  let crash: unknown
  const onCrash = (error: unknown) => {
    crash ??= error
  }
  let material: (readonly object[])[] = []
  const renew = (from: number) => {
    material = Object.entries(requests).map(([name, values]) =>
      fc.sample(values, { seed: from, numRuns: name === 'transact' ? 10 * EACH : EACH }),
    )
  }
  renew(seed)
  const transactions = () => material[Object.keys(requests).indexOf('transact')]!
  let peer: Peer | undefined
  /** The last transaction that the server told of. */
  let last = ''

  function dial(): Peer {
    const one: Peer = {
      ...{ heard: [], ended: undefined, inputs: 0 },
      duplex: new Duplex({
        read() {},
        write(chunk: Buffer, _encoding, done) {
          one.heard.push(JSON.parse(chunk.toString()))
          done()
        },
      }),
    }
    server.transact(emptyZoo as never)
    void server.accept(one.duplex).closed.then((reason) => {
      one.ended = { reason }
    })
    // So that every change has somebody to be told to, in both ways.
    const everything = { Zoo: [{}], Leaf: [{}] }
    for (const method of ['monitor', 'monitor_cond']) {
      const params = ['Zoo', `own ${method}`, everything]
      one.duplex.push(Buffer.from(JSON.stringify({ id: 'own', method, params })))
    }
    return one
  }

  function count(asked: Message, isGood: boolean, answer: Message | undefined): void {
    const add = (name: string, good: boolean) => (good ? decoded : refused).add(name)
    add(`method ${asked.method}`, isGood)
    if (asked.method !== 'transact' || !answer || !Array.isArray(answer.result)) return
    const list = answer.result as (Message | null)[]
    const [, ...operations] = asked.params as (Message | undefined)[]
    list.forEach((result, i) => {
      const operation = operations[i]
      if (result?.error) errors.addError(new Error(`${result.error}: ${result.details}`))
      if (!result || !operation) return
      // An abort that is carried out answers so.
      const good = result.error === undefined || result.error === 'aborted'
      add(`operation ${operation.op}`, good)
      const where = Array.isArray(operation.where) ? operation.where : []
      const mutations = Array.isArray(operation.mutations) ? operation.mutations : []
      for (const one of where) if (Array.isArray(one)) add(`function ${one[1]}`, good)
      for (const one of mutations) if (Array.isArray(one)) add(`mutator ${one[1]}`, good)
      const columns = [...where, ...mutations].map((one) => one?.[0])
      columns.push(...Object.keys(operation.row ?? {}))
      for (const name of columns) add(`column ${name}`, good)
    })
  }

  /** Until all that arrived has been handled; notes what nobody caught. */
  async function quiet(): Promise<void> {
    process.on('uncaughtException', onCrash).on('unhandledRejection', onCrash)
    await new Promise((resolve) => setImmediate(resolve))
    process.off('uncaughtException', onCrash).off('unhandledRejection', onCrash)
  }

  function serverInput(random: Random): Uint8Array {
    if (random.once(4)) {
      const phrase = () => bytesOf(jsonText({ id: random.below(6), ...random.pick(phrases) }))
      return random.once(20) ? joined(phrase(), phrase()) : phrase()
    }
    const base = random.once(3) ? random.pick(random.pick(material)) : random.pick(transactions())
    const message = { id: random.below(1000), ...base }
    const way = random.below(20)
    if (way < 7) return bytesOf(JSON.stringify(message))
    const other = random.pick(transactions())
    if (way === 7) {
      const id = random.pick<unknown>(['x', 1.5, [1], { a: 1 }, true, 0, '', null])
      return bytesOf(jsonText({ ...message, id }))
    }
    if (way < 17) return bytesOf(jsonText(brokenJson(random, message, other)))
    return damage(random, bytesOf(JSON.stringify(message)), bytesOf(JSON.stringify(other)))
  }

  async function runServer(template: Uint8Array): Promise<boolean> {
    const input = template.includes(AT)
      ? bytesOf(textOf(template).replaceAll('@last', last))
      : template
    if (!peer || peer.ended || peer.inputs >= SESSION) {
      peer?.duplex.destroy()
      await client.restart()
      peer = dial()
    }
    const now = peer
    now.inputs++
    now.heard = []
    const cut = input.length >> 1
    now.duplex.push(Buffer.from(input.subarray(0, cut)))
    now.duplex.push(Buffer.from(input.subarray(cut)))
    await quiet()
    if (crash !== undefined) {
      const error = crash
      crash = undefined
      peer = undefined
      throw error
    }
    const asked = asObject(input)
    // A text that does not end would have the next one for its rest.
    if (!asked) peer = undefined
    const reason = now.ended?.reason
    if (reason && !(reason instanceof OvsdbError || reason instanceof WireError)) throw reason
    if (reason) errors.addError(reason)
    for (const { method, params, result } of now.heard) {
      if (Array.isArray(result) && typeof result[1] === 'string') last = result[1]
      const isOwn = Array.isArray(params) && String(params[0]).startsWith('own ')
      if (isOwn) client.hear(String(method), params[1])
    }
    const answer = now.heard.find((one) => one.method === undefined)
    if (answer?.error) {
      const { error = answer.error, details } = answer.error as Message
      errors.addError(new Error(`${error}: ${details}`))
    }
    if (!asked) now.duplex.destroy()
    else if (typeof asked.method === 'string') {
      const isRequest = Array.isArray(asked.params) && asked.id !== null && asked.id !== undefined
      if (isRequest && !now.ended && !answer && asked.method !== 'transact') {
        throw new Error(`no answer to ${asked.method}`)
      }
      count(asked, !now.ended && !answer?.error, answer)
    }
    return !now.ended && !answer?.error && asked !== undefined
  }

  async function runClient(name: string, text: string): Promise<boolean> {
    const add = (counter: Counter) => counter.add(`client ${name}`)
    try {
      await client.sides[name]?.read(text)
      add(decoded)
      return true
    } catch (error) {
      const isTyped = error instanceof OvsdbError || error instanceof WireError
      if (!isTyped && !(error instanceof SyntaxError)) throw error
      errors.addError(error)
      if (isTyped) add(refused)
      return false
    }
  }

  return {
    renew,
    errors: errors.counts,
    passesHeader: (input) => asObject(splitInput(input)[1]) !== undefined,
    /** Who reads it, a line feed, the bytes. */
    next(random) {
      const name = random.pick(readers)
      const side = client.sides[name]
      if (!side) return joined(bytesOf('server\n'), serverInput(random))
      const value = side.material(random)
      const isText = typeof value === 'string'
      const text = isText ? value : JSON.stringify(value)
      if (random.once(2)) return bytesOf(`${name}\n${text}`)
      const other = random.pick(transactions())
      const isBroken = !isText && !random.once(8)
      const broken = isBroken
        ? bytesOf(jsonText(brokenJson(random, value, other)))
        : damage(random, bytesOf(text), bytesOf(JSON.stringify(other)))
      return joined(bytesOf(`${name}\n`), broken)
    },
    async run(input) {
      const [name, rest] = splitInput(input)
      if (name === 'server') return runServer(rest)
      const text = Buffer.from(rest).toString('utf8')
      return runClient(name, text)
    },
    coverage: () =>
      Object.entries(tables).flatMap(([table, rows]) =>
        rows.map((row) => ({
          ...{ table, row, decoded: decoded.of(`${table} ${row}`) },
          ...{ refused: refused.of(`${table} ${row}`), refusable: true },
        })),
      ),
    close() {
      peer?.duplex.destroy()
      server.close()
    },
  }
}

/** Every other input is the server's. */
const readers = tables.client.flatMap((name) => ['server', name])

function splitInput(input: Uint8Array): [string, Uint8Array] {
  const at = input.indexOf(10)
  return [Buffer.from(input.subarray(0, at)).toString(), input.subarray(at + 1)]
}

/** Begins what stands for something else. */
const AT = 0x40
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString()
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text))

/** The object of a text that is nothing else. */
function asObject(input: Uint8Array): Message | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(input).toString())
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Message) : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
