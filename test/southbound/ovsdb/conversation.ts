/**
 * The same requests to ovsdb-server and to our server: same results, same errors, same updates in
 * the same order. Uuids are random on both sides, so each is named by the order of its appearance.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonFramer } from '../../../southbound/ovsdb/framer.ts'
import { formatJson, parseJson } from '../../../southbound/ovsdb/json.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'
import { hasOvs, ownPeer, type Peer, realPeer } from './peers.ts'
import type { Json } from './wire.ts'

const OVS = 'Open_vSwitch'
export type Request = [method: string, params: Json[]]

/** Sends raw requests one by one and returns every message up to each reply. */
async function talk(peer: Peer, requests: readonly Request[]) {
  const socket = await peer.dial()
  const heard: Json[] = []
  let wake = () => {}
  const framer = jsonFramer({}, (message) => {
    heard.push(message)
    wake()
  })
  socket.on('data', (chunk: Uint8Array) => framer.push(chunk))
  const transcript: Json[][] = []
  for (const [id, [method, params]] of requests.entries()) {
    const from = heard.length
    socket.write(formatJson({ method, params, id }))
    const isReply = (message: Json) => (message as { id: Json }).id === id
    while (!heard.slice(from).some(isReply)) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    transcript.push(heard.slice(from))
  }
  socket.destroy()
  return normalize(transcript)
}

/** Names uuids by appearance, and drops sentences for people and members that are null. */
function normalize(transcript: Json): Json {
  const uuids = new Map<string, string>()
  const named = formatJson(transcript).replace(
    /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g,
    (uuid) => {
      if (uuid.startsWith('00000000-')) return uuid
      const name = uuids.get(uuid) ?? `uuid${uuids.size}`
      uuids.set(uuid, name)
      return name
    },
  )
  return plain(parseJson(named))
}

function plain(value: Json): Json {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const result: Record<string, Json> = {}
  for (const [name, member] of Object.entries(value)) {
    if (name === 'details' || name === 'syntax') continue
    if ((name === 'error' || name === 'result') && member === null) continue
    // Rows and database names come in no order.
    const isRows = name === 'rows' && Array.isArray(member)
    result[name] = isRows
      ? member.map((row) => formatJson(Object.entries(row).sort())).sort()
      : plain(member)
  }
  return result
}

export const op = (name: string, table: string, members: object = {}) => ({
  op: name,
  table,
  ...members,
})
export const insert = (table: string, row: object, name?: string) =>
  op('insert', table, name === undefined ? { row } : { row, 'uuid-name': name })
export const mutateRoot = (...mutations: Json[]) => op('mutate', OVS, { where: [], mutations })
export const selectRoot = (where: Json[], ...columns: string[]) =>
  op('select', OVS, { where, columns })
export const named = (name: string) => ['named-uuid', name]
export const set = (...values: Json[]) => ['set', values]
export const map = (...pairs: [Json, Json][]) => ['map', pairs]
export const transact = (...operations: Json[]): Request => ['transact', [OVS, ...operations]]
export const transactServer = (...operations: Json[]): Request => [
  'transact',
  ['_Server', ...operations],
]
/** A uuid of our choice. */
export const own = (n: number) => `${String(n).padStart(8, '1')}-0000-4000-8000-000000000000`
export const root = transact(insert(OVS, {}))
export const waitFor = (rows: Json[], timeout: number, until = '==') =>
  op('wait', OVS, { where: [], columns: ['next_cfg'], until, rows, timeout })
/** A bridge b with a port p, one transaction. */
export const bridge = transact(
  insert('Interface', { name: 'p' }, 'i'),
  insert('Port', { name: 'p', interfaces: named('i') }, 'p'),
  insert('Bridge', { name: 'b', ports: named('p') }, 'b'),
  mutateRoot(['bridges', 'insert', named('b')]),
)

/** Each conversation on both servers, after the tables have been emptied. */
export function alike(subject: string, conversations: Readonly<Record<string, Request[]>>): void {
  describe.skipIf(!hasOvs)(`${subject}: our server answers as ovsdb-server does`, () => {
    let real: Peer
    let own: Peer
    beforeAll(async () => {
      real = await realPeer()
      own = await ownPeer(new OvsdbServer(openVSwitch, { convertible: true }))
    })
    afterAll(async () => {
      await real?.close()
      await own?.close()
    })

    test.each(Object.entries(conversations))('%s', async (_name, requests) => {
      const clean = transact(
        op('delete', OVS, { where: [] }),
        op('delete', 'QoS', { where: [] }),
        op('delete', 'Queue', { where: [] }),
      )
      await talk(real, [clean])
      await talk(own, [clean])
      const expected = (await talk(real, requests)) as Json[]
      const actual = (await talk(own, requests)) as Json[]
      for (const [i, request] of requests.entries()) {
        expect({ request, answer: actual[i] }).toEqual({ request, answer: expected[i] })
      }
    })
  })
}
