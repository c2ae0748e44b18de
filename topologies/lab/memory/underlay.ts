/**
 * The network between the VTEPs of the memory lab, as the plan has it: one hub for all, or routers and the links between them.
 * Neighbours: ../underlay-plan.ts, underlay-link.ts, underlay-router.ts; lab.ts plugs the hosts in.
 */
import { hub } from '../../../dataplane/ports/hub.ts'
import { type MemoryPort, memoryPort } from '../../../dataplane/ports/memory.ts'
import type { Unsubscribe } from '../lab.ts'
import type { StationPlan, UnderlayPlan } from '../underlay-plan.ts'
import { type Nature, type UnderlayLink, underlayLink } from './underlay-link.ts'
import { type UnderlayRouter, underlayRouter } from './underlay-router.ts'

/** Where a host is plugged in. */
export interface Outlet {
  readonly station: StationPlan
  /** @returns how to unplug it */
  attach(port: MemoryPort): () => void
}

export interface MemoryUnderlay {
  /** Throws for a host that the document does not have. */
  outlet(hostId: string): Outlet
  readonly routers: readonly UnderlayRouter[]
  /** From somebody beside the hosts: on the segment, or with routers on the link of each host. */
  inject(frame: Uint8Array): void
  /** Every frame with the link that it is on, '' on the segment; routed ones are seen on each of their links. */
  onFrame(listener: (frame: Uint8Array, link?: string) => void): Unsubscribe
  close(): void
}

export function memoryUnderlay(
  plan: UnderlayPlan,
  { mtuBytes, ...nature }: Nature & { readonly mtuBytes: number },
): MemoryUnderlay {
  const links = new Map(plan.links.map((each) => [each, underlayLink(each, nature)]))
  const stationOf = (hostId: string): StationPlan => {
    const station = plan.stations.get(hostId)
    if (station === undefined) throw new Error(`no host ${hostId}`)
    return station
  }
  const common = { stationOf, links, plan }
  return plan.routers.length === 0 ? segment(common, mtuBytes) : routed(common, nature)
}

interface Parts {
  readonly plan: UnderlayPlan
  readonly links: ReadonlyMap<UnderlayPlan['links'][number], UnderlayLink>
  stationOf(hostId: string): StationPlan
}

function segment({ stationOf, links }: Parts, mtuBytes: number): MemoryUnderlay {
  const all = hub({ name: 'underlay', mtuBytes, filters: true })
  for (const [{ ends }, link] of links) {
    const socket = memoryPort({ name: `${ends[0]}.uplink` })
    link.attach(1, socket)
    const station = memoryPort({ name: `${ends[0]}.segment` })
    all.attach(station)
    socket.onFrame((frame) => station.send(frame))
    station.onFrame((frame) => socket.send(frame))
  }
  return {
    outlet(hostId) {
      const station = stationOf(hostId)
      const link = station.link && links.get(station.link)
      return { station, attach: (port) => (link ? link.attach(0, port) : all.attach(port)) }
    },
    routers: [],
    inject: (frame) => all.send(frame),
    onFrame: (listener) => all.onFrame((frame) => listener(frame, '')),
    close() {
      for (const link of links.values()) link.close()
    },
  }
}

function routed({ plan, stationOf, links }: Parts, { clock }: Nature): MemoryUnderlay {
  const routers = plan.routers.map((router, at) => underlayRouter(router, at + 1, clock))
  for (const [at, router] of plan.routers.entries())
    for (const [index, { link }] of router.interfaces.entries()) {
      const port = routers[at]?.ports[index]
      if (port) links.get(link)?.attach(link.ends[0] === router.id ? 0 : 1, port)
    }
  const ofHosts = [...links].filter(([{ ends }]) => plan.stations.has(ends[0]))
  return {
    outlet(hostId) {
      const station = stationOf(hostId)
      const link = station.link && links.get(station.link)
      if (!link) throw new Error(`host ${hostId} has no link`)
      return { station, attach: (port) => link.attach(0, port) }
    },
    routers,
    inject(frame) {
      for (const [, link] of ofHosts) link.inject(frame)
    },
    onFrame(listener) {
      const stops = [...links].map(([{ id }, link]) => link.onFrame((frame) => listener(frame, id)))
      return () => {
        for (const stop of stops) stop()
      }
    },
    close() {
      for (const router of routers) router.close()
      for (const link of links.values()) link.close()
    },
  }
}
