/**
 * Several clients at once write what fits and what does not, with ETags that are right, stale or absent. Then the answers, the
 * revisions, the journal, the model and the flows on the hosts must tell the same story: nobody's write is lost without
 * having been refused, and nothing that was refused has left a trace.
 *
 * Neighbours: writes.test.ts has each precondition by itself, reconciler/site.ts the hosts.
 */
import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { compileFull } from '../../../controller/compiler/compiler.ts'
import type { Edit } from '../../../controller/model/schema.ts'
import type { Change } from '../../../controller/model/snapshot.ts'
import { put } from '../model/site.ts'
import { openSite, type TestHost, type TestSite, until } from '../reconciler/site.ts'
import { random } from '../store/random-edits.ts'
import { contents, replay } from '../store/replay.ts'
import { type Answer, call, json } from './client.ts'

const CLIENTS = 5
const STEPS = 30
const seeds = Array.from({ length: process.env.WEFT_TEST_FULL ? 40 : 3 }, (_, at) => at + 1)
const hostIds = ['h1', 'h2', 'h3']
const etagOf = (revision: number | undefined): string => `"${revision}"`

/** One request and its answer. */
interface Sent {
  readonly method: string
  /** 'port acme/p1'; undefined: of a whole document, or of nothing that could be. */
  readonly object?: string
  /** In the labels of what it writes, and of nothing else. */
  readonly mark: string
  readonly headers: Readonly<Record<string, string>>
  readonly answer: Answer
  /** Of a document: what was planned. */
  readonly plan?: Answer['body']
}

type Revised = { readonly revision: number; readonly labels?: Readonly<Record<string, string>> }
const isAccepted = ({ answer }: Sent): boolean => answer.status < 300

/** What every revision changed, in order, as the store says. */
function record({ store }: TestSite): Map<number, readonly Change[]> {
  const revisions = new Map<number, readonly Change[]>()
  store.onCommit(({ snapshot, changes }) => revisions.set(snapshot.revision, changes))
  return revisions
}

/** A client: knows of each object the ETag that it saw last, which others may have made stale. */
function client(url: string, name: string, pick: (bound: number) => number) {
  const seen = new Map<string, string>()
  let count = 0

  const preconditions = (object: string): Record<string, string> => {
    const known = seen.get(object)
    if (pick(6) === 0) return { 'if-none-match': '*' }
    if (pick(6) === 0) return { 'if-match': '"1"' }
    return known !== undefined && pick(3) > 0 ? { 'if-match': known } : {}
  }
  const one = async (
    method: string,
    object: string,
    body?: object,
    headers = preconditions(object),
  ): Promise<Sent> => {
    const mark = `${name}.${count++}`
    const [collection, tenant, id] = object.split(/[ /]/)
    const labelled = body && { ...body, labels: { by: mark } }
    const cascade = method === 'DELETE' && pick(2) ? '?cascade=true' : ''
    const path = `/v1/tenants/${tenant}/${collection}s/${id}${cascade}`
    const answer = await call(url, method, path, labelled, { ...json, ...headers })
    const etag = answer.headers.get('etag')
    if (etag) seen.set(object, etag)
    return { method, object, mark, headers, answer }
  }
  const look = async (object: string): Promise<void> => {
    const [collection, tenant, id] = object.split(/[ /]/)
    const { headers } = await call(url, 'GET', `/v1/tenants/${tenant}/${collection}s/${id}`)
    seen.set(object, headers.get('etag') ?? '"0"')
  }
  /** Planned, then applied if that would still be the same. */
  const document = async (): Promise<Sent> => {
    const mark = `${name}.${count++}`
    const ports = Object.fromEntries(
      Array.from({ length: pick(4) }, () => [
        `d${pick(4)}`,
        { network: 'x', labels: { by: mark } },
      ]),
    )
    const body = { tenants: { globex: { networks: { x: {} }, ports } } }
    const plan = await call(url, 'POST', '/v1:apply?mode=plan', body)
    const answer = await call(url, 'POST', `/v1:apply?planId=${plan.body.planId}`, body)
    return { method: 'POST', mark, headers: {}, answer, plan: plan.body }
  }
  const wrong = (): Promise<Sent>[] =>
    [
      { network: 'nowhere' },
      { network: 'web', addresses: ['192.168.0.1'] },
      { network: 'web', colour: 'red' },
      { network: 'web', mac: 'no MAC' },
    ].map((body) => one('PUT', 'port acme/wrong', body, {}))
  const step = async (): Promise<Sent> => {
    const port = `port acme/p${pick(6)}`
    const network = `network acme/n${pick(3)}`
    if (pick(3) === 0) await look(port)
    const place = pick(4) ? { hostId: hostIds[pick(3)], ofport: 1 + pick(9) } : {}
    switch (pick(9)) {
      case 0:
        return one('DELETE', port)
      case 1:
      case 2:
        return one('PATCH', port, pick(2) ? place : {})
      case 3:
        return one('PUT', network, { vni: 6000 + pick(4) })
      case 4:
        return one('DELETE', network)
      case 5:
        return document()
      default:
        return one('PUT', port, { network: pick(4) ? 'web' : `n${pick(3)}`, ...place })
    }
  }
  return async (steps: number): Promise<Sent[]> => {
    const sent: Sent[] = []
    for (let at = 0; at < steps; at++) sent.push(await step())
    return [...sent, ...(await Promise.all(wrong()))]
  }
}

/** What an accepted request says against what its revision did; an empty list: they agree. */
function disagreements(sent: Sent, revisions: ReadonlyMap<number, readonly Change[]>): string[] {
  const { method, object, mark, headers, answer, plan } = sent
  const { revision } = answer.body as { readonly revision: number }
  const changes = revisions.get(revision) ?? []
  if (object === undefined) {
    const [said, done] = [plan, answer.body].map(({ changes, hosts }) => [changes, hosts])
    const isSame = isDeepStrictEqual(said, done)
    return isSame
      ? []
      : [`${mark} was planned as ${JSON.stringify(said)}, applied as ${JSON.stringify(done)}`]
  }
  const change = changes.find(({ collection, key }) => `${collection} ${key}` === object)
  if (!change) return [`${mark} is not in revision ${revision}`]
  const before = change.before as Revised | undefined
  const after = change.after as Revised | undefined
  const wanted = headers['if-match']
  const isMade = before === undefined
  return [
    ...(wanted === undefined || wanted === etagOf(before?.revision) ? [] : ['If-Match']),
    ...(headers['if-none-match'] === undefined || isMade ? [] : ['If-None-Match']),
    ...(method === 'DELETE' || after?.labels?.by === mark ? [] : ['another write']),
    ...(method === 'PUT' && (answer.status === 201) !== isMade ? ['status'] : []),
    ...(method === 'DELETE' && after !== undefined ? ['still there'] : []),
  ].map((what) => `${mark}, revision ${revision}: ${what}`)
}

/** Of one object each change begins where the one before ended. */
function breaks(revisions: ReadonlyMap<number, readonly Change[]>): string[] {
  const last = new Map<string, unknown>()
  const found: string[] = []
  for (const [revision, changes] of revisions) {
    for (const { collection, key, before, after } of changes) {
      const object = `${collection} ${key}`
      if (last.has(object) && last.get(object) !== before) found.push(`${object} at ${revision}`)
      last.set(object, after)
    }
  }
  return found
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
type Flow = {
  readonly table_id: number
  readonly priority: number
  readonly cookie: bigint
  readonly match: Uint8Array
  readonly instructions: Uint8Array
}
const textOf = ({ table_id, priority, cookie, match, instructions }: Flow): string =>
  [table_id, priority, cookie.toString(16), hex(match), hex(instructions)].join()

const flowsAt = ({ bridge }: TestHost): string[] => [...bridge.flows.all()].map(textOf).sort()
/** The slow compile of the site as it is, from nothing. */
const flowsWanted = ({ store }: TestSite, hostId: string): string[] =>
  [...(compileFull(store.snapshot).get(hostId)?.values() ?? [])]
    .flatMap((item) => (item.kind === 'flow' ? [textOf(item.flow)] : []))
    .sort()

const start: readonly Edit[] = [
  put('tenant', 'globex', {}),
  put('network', 'globex/x', {}),
  put('network', 'acme/n0', {}),
]

test.each(seeds)(
  'clients that write at once leave model, journal and hosts agreeing (seed %i)',
  async (seed) => {
    const site = await openSite(...start)
    try {
      const hosts = hostIds.map((id) => [id, site.host(id)] as const)
      const revisions = record(site)
      const clients = Array.from({ length: CLIENTS }, (_, at) =>
        client(site.controller.url, `c${at}`, random(seed * 100 + at)),
      )
      const sent = (await Promise.all(clients.map((run) => run(STEPS)))).flat()

      const accepted = sent.filter(isAccepted)
      expect(accepted.flatMap((each) => disagreements(each, revisions))).toEqual([])
      expect(breaks(revisions)).toEqual([])
      // Of what was refused there is no trace, and no two answers claim one revision.
      const marks = new Set(
        [...revisions.values()]
          .flat()
          .map(({ after }) => (after as Revised | undefined)?.labels?.by),
      )
      expect(sent.filter((each) => !isAccepted(each) && marks.has(each.mark))).toEqual([])
      const claimed = accepted.flatMap(({ object, answer }) =>
        object === undefined ? [] : [answer.body.revision as number],
      )
      expect(new Set(claimed).size).toBe(claimed.length)

      expect(replay(site.store)).toBe(contents(site.store.snapshot))
      for (const [id, host] of hosts) {
        await until(`${id} has its flows`, () => {
          return flowsAt(host).join('\n') === flowsWanted(site, id).join('\n')
        })
        await until(`${id} is realized`, async () => {
          return (await site.status(`infra/hosts/${id}`)).realized
        })
      }
      // Some of the ports are on hosts, which without any have the same few flows all.
      expect(Math.max(...hostIds.map((id) => flowsWanted(site, id).length))).toBeGreaterThan(30)
      // Something of everything has happened.
      const statuses = new Set(sent.map(({ answer }) => answer.status))
      expect([...statuses]).toEqual(expect.arrayContaining([200, 201, 400, 404, 409, 412]))
    } finally {
      await site.close()
    }
  },
)

test('of increments that many clients make by If-Match none is lost', async () => {
  const site = await openSite()
  try {
    const path = '/v1/tenants/acme/ports/vm1'
    const { url } = site.controller
    let refused = 0
    const increment = async (): Promise<void> => {
      for (;;) {
        const { body, headers } = await call(url, 'GET', path)
        const n = `${Number(body.labels?.n ?? 0) + 1}`
        const condition = { ...json, 'if-match': headers.get('etag') ?? '' }
        const { status } = await call(url, 'PATCH', path, { labels: { n } }, condition)
        if (status === 200) return
        expect(status).toBe(412)
        refused++
      }
    }
    const increments = Array.from({ length: 6 }, async () => {
      for (let count = 0; count < 8; count++) await increment()
    })
    await Promise.all(increments)
    expect((await call(url, 'GET', path)).body.labels).toEqual({ n: '48' })
    expect(refused).toBeGreaterThan(0)
  } finally {
    await site.close()
  }
})
