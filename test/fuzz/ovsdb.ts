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
import {
  columnNames,
  functionNames,
  mutatorNames,
  operationNames,
  requests,
} from './ovsdb-material.ts'
import { damage, randomOf } from './random.ts'

type Message = Readonly<Record<string, unknown>>
interface Peer {
  readonly duplex: Duplex
  heard: Message[]
  /** Undefined while the session is there. */
  ended: { reason: Error | undefined } | undefined
  inputs: number
}
const EACH = 300
/** A session is left after this many inputs, and the database emptied. */
const SESSION = 200

const tables = {
  ...{ operation: operationNames, function: functionNames },
  ...{ mutator: mutatorNames, column: columnNames, method: Object.keys(requests) },
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
  const server = new OvsdbServer(parseSchema(zooSchema), { newUuid })
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

  return {
    renew,
    errors: errors.counts,
    passesHeader: (input) => asObject(input) !== undefined,
    next(random) {
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
    },
    async run(input) {
      if (!peer || peer.ended || peer.inputs >= SESSION) {
        peer?.duplex.destroy()
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
