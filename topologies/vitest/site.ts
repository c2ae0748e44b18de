/**
 * A lab as tests see it, and what the matchers have in hands behind the values that tests hold: those are small and plain, so
 * that a failed comparison of one does not print a whole lab. Neighbours: api.ts (types), lab.ts (opens it), matchers.ts.
 */
import { formatIpv4, formatMac } from '../../southbound/wire/address.ts'
import { createWatch, type Watch } from '../lab/checks/watch.ts'
import type { Faults, Lab, Workload } from '../lab/lab.ts'
import { whenRealized } from '../lab/rest.ts'
import type { Frame, Guest, Host, Site } from './api.ts'
import { type Sending, sendingOf } from './frame.ts'

/** What is behind a site and everything that it hands out. */
export interface Inside {
  readonly lab: Lab
  /** Eyes on all wires. */
  readonly watch: Watch
  readonly signal: AbortSignal
  readonly seed?: number
  /** How the same is had again; undefined: it cannot. */
  readonly replay?: string
  /** Lets time of the lab pass. */
  sleep(ms: number): Promise<void>
  isClosed(): boolean
}

/** Marks begin with it: there is one watch on a lab. */
const RUN = new TextEncoder().encode('weft/lab')

const REALIZED_MS = 30_000

const guests = new WeakMap<Guest, { readonly inside: Inside; readonly workload: Workload }>()
const frames = new WeakMap<Frame, { readonly inside: Inside; readonly sending: Sending }>()

/** @throws TypeError for anything that is no guest of a lab */
export function guestOf(value: unknown, matcher: string) {
  const found = guests.get(value as Guest)
  if (found === undefined)
    throw new TypeError(`${matcher} is about a guest: expect(site.guest('h1.web')).${matcher}(…)`)
  return found
}

/** @throws TypeError for anything that is no frame of a lab */
export function frameOf(value: unknown, matcher: string) {
  const found = frames.get(value as Frame)
  if (found === undefined)
    throw new TypeError(`${matcher} is about a frame: expect(site.frame({ … })).${matcher}(…)`)
  return found
}

/** A guest of the same lab, by name or as a value. @throws Error that names those there are */
export function workloadOf({ lab }: Inside, named: string | Guest): Workload {
  const name = typeof named === 'string' ? named : named.name
  const found = lab.workloads.get(name)
  if (found !== undefined) return found
  const names = [...lab.workloads.keys()].join(', ')
  throw new Error(`no guest ${name} in ${lab.document.name}, which has ${names}`)
}

export function siteOn(lab: Lab, given: Pick<Inside, 'signal' | 'seed' | 'replay'>): Site {
  const watch = createWatch(lab, RUN)
  const sleep = (ms: number) => lab.clock.sleep(ms, given.signal)
  let isClosed = false
  const inside: Inside = { lab, watch, sleep, isClosed: () => isClosed, ...given }
  const guest = (named: string | Guest): Guest => {
    const workload = workloadOf(inside, named)
    const { name, hostId, tenant, portId, mac, address, mtuBytes } = workload
    const shown = { name, host: hostId, port: `${tenant}/${portId}`, mtuBytes }
    const made = { ...shown, mac: formatMac(mac), address: formatIpv4(address) }
    guests.set(Object.freeze(made), { inside, workload })
    return made
  }
  const close = async () => {
    isClosed = true
    watch.close()
    await lab.close()
  }
  return {
    guest,
    frame(of) {
      const from = guest(of.from)
      const to = 'to' in of ? guest(of.to) : undefined
      const sending = sendingOf((named) => workloadOf(inside, named), of)
      const made: Frame = Object.freeze({ what: sending.what, from, ...(to && { to }) })
      frames.set(made, { inside, sending })
      return made
    },
    host: (id) => hostOf(lab, id),
    controller: {
      off: () => faultsOf(lab).controllerOff(),
      on: () => faultsOf(lab).controllerOn(),
    },
    realized: (timeoutMs = REALIZED_MS) =>
      whenRealized(lab, Object.values(lab.document.workloads), { timeoutMs, signal: given.signal }),
    fetch: lab.fetch,
    sleep,
    lab,
    seed: given.seed,
    close,
    [Symbol.asyncDispose]: close,
  }
}

function hostOf(lab: Lab, id: string): Host {
  const ids = Object.keys(lab.document.hosts)
  if (!ids.includes(id))
    throw new Error(`no host ${id} in ${lab.document.name}, which has ${ids.join(', ')}`)
  return {
    off: () => faultsOf(lab).hostOff(id),
    on: () => faultsOf(lab).hostOn(id),
    linkDown: () => faultsOf(lab).linkDown(id),
    linkUp: () => faultsOf(lab).linkUp(id),
    controlDown: () => faultsOf(lab).controlDown(id),
    controlUp: () => faultsOf(lab).controlUp(id),
    delay: (ms) => faultsOf(lab).delay(id, ms),
  }
}

function faultsOf({ backend, faults }: Lab): Faults {
  if (faults !== undefined) return faults
  throw new Error(`the ${backend} lab lets nothing go wrong on purpose; the memory lab does`)
}
