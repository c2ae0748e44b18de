/** A running lab as scenarios see it. Eyes, counters and judgement are those of the checks (topologies/lab/checks). */
import { dropsOf } from '../lab/checks/drops.ts'
import { prove } from '../lab/checks/prove.ts'
import { siteOf } from '../lab/checks/site.ts'
import { createWatch } from '../lab/checks/watch.ts'
import { realizerOf } from '../lab/host-switch.ts'
import type { Lab, Unsubscribe } from '../lab/lab.ts'
import type { MemoryLab } from '../lab/memory/lab.ts'
import type { NetnsLab } from '../lab/netns/lab.ts'
import { MANAGEMENT_NIC, UNDERLAY_NIC } from '../lab/netns/plan.ts'
import type { RealLab } from '../lab/real.ts'
import * as vagrant from '../lab/vagrant/nics.ts'
import type { ScenarioLab } from './scenario.ts'

const PATIENCE_MS = 8_000
/** Times that waits may take: emulated processors are ten times slower, on a busy machine more. */
const SLOWNESS: Readonly<Record<Lab['backend'], number>> = { memory: 1, netns: 1, vagrant: 12 }
const NICS = {
  netns: { management: MANAGEMENT_NIC, underlay: UNDERLAY_NIC },
  vagrant: { management: vagrant.MANAGEMENT_NIC, underlay: vagrant.UNDERLAY_NIC },
} as const
const POLL_MS = 20
/** Frames that a wire is remembered by. */
const REMEMBERED = 5_000

interface Dropped {
  readonly reason: string
  readonly port?: string
  readonly packets: number
}

/**
 * What one scenario sees of a lab. `close` takes its listeners away; the lab stays.
 * @param fetch in place of the lab's own, for tests that judge every answer
 */
export function openScenario(
  lab: Lab,
  signal: AbortSignal,
  fetch: Lab['fetch'] = lab.fetch,
): ScenarioLab & { readonly close: Unsubscribe } {
  const watch = createWatch(lab)
  const slowness = SLOWNESS[lab.backend]
  const patienceMs = PATIENCE_MS * slowness
  const drops = dropsOf(lab, patienceMs)
  const { clock } = lab
  const arrivals = new Map<string, Uint8Array[]>()
  const sent = new Map<string, { before: readonly Dropped[]; frames: Uint8Array[] }>()
  const stops = [...lab.workloads, ...lab.physicalNetworks].map(([name, wire]) => {
    const frames: Uint8Array[] = []
    arrivals.set(name, frames)
    return wire.onFrame((frame) => {
      if (frames.push(frame) > REMEMBERED) frames.shift()
    })
  })
  const guest: ScenarioLab['guest'] = (name) => {
    const found = lab.workloads.get(name)
    if (found === undefined) throw new Error(`no guest ${name} in ${lab.document.name}`)
    return found
  }
  const call = async (path: string, init: RequestInit = {}): Promise<unknown> => {
    const where = `/v1/${path}`
    const answer = await fetch(where, { ...init, signal })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${init.method ?? 'GET'} ${where}: ${answer.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
  const get: ScenarioLab['get'] = async <T>(path: string) => (await call(path)) as T
  const dropsAt = async (hostId: string) =>
    (await get<{ drops: Dropped[] }>(`infra/hosts/${hostId}/drops`)).drops
  const until: ScenarioLab['until'] = async (what, ask, withinMs = PATIENCE_MS) => {
    const deadline = clock.now() + withinMs * slowness
    while (!(await ask())) {
      if (clock.now() > deadline) throw new Error(`not within ${withinMs * slowness} ms: ${what}`)
      await clock.sleep(POLL_MS, signal)
    }
  }
  let lastSend = 0
  /** Whatever was sent has arrived, or never will. */
  const settle = async () => {
    const ms = lastSend + lab.settleMs - clock.now()
    if (ms > 0) await clock.sleep(ms, signal)
  }
  const seenAt = (mark: Uint8Array) => [...new Set(watch.seen(mark).map(({ where }) => where))]
  const times = (name: string, frame: Uint8Array) =>
    (arrivals.get(name) ?? []).filter((one) => Buffer.compare(one, frame) === 0).length

  return {
    backend: lab.backend,
    document: lab.document,
    signal,
    clock,
    run: lab.run,
    taps: lab.taps ?? [],
    guest,
    realizer: (hostId) => realizerOf(lab, hostId),
    pairs() {
      const { networks } = siteOf(lab)
      return networks.flatMap(({ workloads }) =>
        workloads.flatMap((from) =>
          workloads.filter((to) => to !== from).map((to) => ({ from, to })),
        ),
      )
    },
    physicalNetwork(id) {
      const found = lab.physicalNetworks.get(id)
      if (found === undefined) throw new Error(`no uplink to ${id} in ${lab.document.name}`)
      const send = (frame: Uint8Array) => {
        lastSend = clock.now()
        found.send(frame)
      }
      return { ...found, send }
    },
    mark: () => watch.mark(),
    async send(name, frame, arriving = frame) {
      const from = guest(name)
      const record = sent.get(name) ?? { before: await dropsAt(from.hostId), frames: [] }
      sent.set(name, record)
      record.frames.push(arriving.slice())
      lastSend = clock.now()
      from.send(frame)
    },
    async expectAt(name, frame) {
      if (!arrivals.has(name)) throw new Error(`no guest or physical network ${name}`)
      await until(`the frame arrives at ${name}`, () => times(name, frame) > 0)
      const count = times(name, frame)
      if (count > 1) throw new Error(`the frame arrived at ${name} ${count} times`)
      // What has arrived was not dropped.
      for (const [sender, { frames }] of sent) {
        const at = frames.findIndex((one) => Buffer.compare(one, frame) === 0)
        if (at >= 0) frames.splice(at, 1)
        if (frames.length === 0) sent.delete(sender)
      }
    },
    async expectDropped(name, reason, ...subports) {
      const { hostId, tenant, portId } = guest(name)
      const own = [portId, ...subports].map((id) => `${tenant}/${id}`)
      const record = sent.get(name)
      if (record === undefined) throw new Error(`nothing was sent by ${name}`)
      const sum = (all: readonly Dropped[]) =>
        all
          .filter(({ port, ...one }) => one.reason === reason && (!port || own.includes(port)))
          .reduce((total, { packets }) => total + packets, 0)
      const rise = async () => sum(await dropsAt(hostId)) - sum(record.before)
      const { length } = record.frames
      await until(`${hostId} counts ${length} ${reason}`, async () => (await rise()) >= length)
      await settle()
      const risen = await rise()
      if (risen !== length) throw new Error(`${hostId} counts ${risen} ${reason}, not ${length}`)
      for (const frame of record.frames) {
        const seen = [...arrivals.keys()].filter((one) => one !== name && times(one, frame) > 0)
        if (seen.length > 0) throw new Error(`the dropped frame was seen at ${seen.join(', ')}`)
      }
      sent.delete(name)
    },
    async places(mark) {
      await settle()
      return seenAt(mark)
    },
    async expectOnly(mark, places) {
      const seen = () => seenAt(mark)
      await until(`the mark is seen at ${places.join(', ')}`, () => {
        const now = seen()
        return places.every((place) => now.includes(place))
      })
      await settle()
      const extra = seen().filter((where) => !places.includes(where))
      if (extra.length > 0) throw new Error(`the mark is also seen at ${extra.join(', ')}`)
    },
    async prove(claims) {
      const site = siteOf(lab)
      const context = { site, watch, drops, clock, patienceMs, signal }
      const proof = await prove(context, claims(site))
      if (proof.problems.length > 0) throw new Error(proof.problems.join('\n'))
      return proof.seen
    },
    underlay: lab.underlay,
    faults() {
      if (!lab.faults) throw new Error(`nothing goes wrong on the ${lab.backend} lab`)
      return lab.faults
    },
    async cutOff(hostId) {
      if (lab.backend === 'memory') return (lab as MemoryLab).faults.controlDown(hostId)
      await switchLine(lab, hostId, 'down')
    },
    async letBack(hostId) {
      if (lab.backend === 'memory') return (lab as MemoryLab).faults.controlUp(hostId)
      await switchLine(lab, hostId, 'up')
    },
    async setNicMtu(hostId, mtuBytes) {
      if (lab.backend === 'memory')
        return (lab as MemoryLab).hosts.get(hostId)?.setNicMtu(mtuBytes) ?? ''
      const { underlay } = NICS[lab.backend]
      const argv = ['ip', 'link', 'set', underlay, 'mtu', `${mtuBytes}`]
      await (lab as RealLab).machines.get(hostId)?.exec(argv)
      return underlay
    },
    real() {
      if (lab.backend === 'memory') throw new Error('this is the memory lab')
      return lab as RealLab
    },
    netns() {
      if (lab.backend !== 'netns') throw new Error(`this is the ${lab.backend} lab`)
      return lab as NetnsLab
    },
    memory() {
      if (lab.backend !== 'memory') throw new Error(`this is the ${lab.backend} lab`)
      return lab as MemoryLab
    },
    get,
    async put(path, body, { realized = true } = {}) {
      const headers = { 'content-type': 'application/json' }
      await call(`${path}${realized ? '?wait=realized&timeout=40s' : ''}`, {
        method: 'PUT',
        body: JSON.stringify(body),
        headers,
      })
    },
    async remove(path, { realized = true } = {}) {
      await call(`${path}${realized ? '?wait=realized&timeout=40s' : ''}`, { method: 'DELETE' })
    },
    async events(type) {
      const { events } = await get<{ events: { type: string; message: string }[] }>('events')
      return events.filter((event) => event.type === type).map(({ message }) => message)
    },
    until,
    tell: (line) => void process.stdout.write(`${line}\n`),
    close() {
      watch.close()
      for (const stop of stops.splice(0)) stop()
    },
  }
}

async function switchLine(lab: Lab, hostId: string, state: 'up' | 'down'): Promise<void> {
  if (lab.backend === 'memory') return
  const argv = ['ip', 'link', 'set', NICS[lab.backend].management, state]
  await (lab as RealLab).machines.get(hostId)?.exec(argv)
}
