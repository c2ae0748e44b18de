/**
 * Servers for a RemoteDatabase to lose: one behind names that come and go and sessions that are cut,
 * and one that answers only what it is told to. What they open is pushed to `open`, for the test to close.
 */
import { duplexPair } from 'node:stream'
import { JsonRpc } from '../../../southbound/ovsdb/json-rpc.ts'
import { RemoteDatabase, type RemoteEvent } from '../../../southbound/ovsdb/remote-database.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'
import type { InetEndpoint } from '../../../southbound/wire/endpoint.ts'
import { listen } from '../../../southbound/wire/stream.ts'
import { ledger } from './ledger.ts'

export type Open = { close(): unknown }[]

/** One server behind names that come and go; sessions can be cut at any moment. */
export function site(open: Open) {
  const server = new OvsdbServer(ledger)
  const up = new Set<string>()
  const cuts = new Set<() => void>()
  const dialled: string[] = []
  const events: RemoteEvent[] = []
  /** Told of what is about to reach the server; true: lose the connection after it. */
  let loses = (_text: string): 'before' | 'after' | undefined => undefined
  let inject = (_text: string): unknown => undefined
  const dial = async (remote: string) => {
    dialled.push(remote)
    if (!up.has(remote)) throw new Error(`${remote} is down`)
    const [near, front] = duplexPair()
    const [back, far] = duplexPair()
    server.accept(far)
    const cut = () => {
      for (const end of [near, front, back, far]) end.destroy()
    }
    cuts.add(cut)
    for (const end of [near, front, back, far]) end.on('error', () => {})
    front.on('data', (bytes: Buffer) => {
      const when = loses(bytes.toString())
      if (when === 'before') return cut()
      silent = when === 'after'
      back.write(bytes)
      // The server has handled it by then; its answer is on its way and lost.
      if (silent) setImmediate(() => setImmediate(cut))
    })
    let silent = false
    inject = (text) => front.write(text)
    back.on('data', (bytes: Buffer) => {
      if (!silent) front.write(bytes)
    })
    return near
  }
  const database = new RemoteDatabase(ledger, {
    remotes: ['a', 'b', 'c'],
    dial,
    backoff: { firstMs: 1, maxMs: 5, random: () => 0.99 },
    onEvent: (event) => events.push(event),
  })
  open.push(database, server)
  return {
    ...{ server, up, dialled, events, database },
    cut: () => {
      for (const cut of [...cuts]) cut()
      cuts.clear()
    },
    /** Sends this to the client in the server's name. */
    inject: (text: string) => inject(text),
    /** The next transaction does not get there, or its answer does not get back. */
    loseNext(when: 'before' | 'after') {
      loses = (text) => {
        if (!text.includes('"transact"')) return undefined
        loses = () => undefined
        return when
      }
    },
  }
}

/** A server that is well, and answers everything, except what `silent` says of it. */
export async function halfServer(open: Open, answer: (method: string) => unknown) {
  const asked: string[] = []
  const listener = await listen('ptcp:0:127.0.0.1', {}, (stream) => {
    new JsonRpc(stream, {
      onCall({ method, reply, fail }) {
        asked.push(method)
        const result = method === 'list_dbs' ? ['Ledger'] : answer(method)
        if (result instanceof Error) fail(result)
        else if (result !== undefined) reply(result)
      },
    })
  })
  open.push(listener)
  return { asked, remote: `tcp:127.0.0.1:${(listener.address as InetEndpoint).port}` }
}
