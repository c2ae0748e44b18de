/**
 * Frames of a running lab, as one pcapng stream: an interface for each place that is watched, and at each packet a comment that
 * says where it was seen, which way it went and whose it is.
 *
 *     host h1, guest acme-vm1: sent by the guest; port acme/vm1, network acme/web, VNI 5001
 *     host h2, underlay: arrives; VNI 5001, network acme/web
 *
 * Neighbours: lab.ts (Tap), capture-frames.ts (what a frame is about), ../../dataplane/ports/pcapng-writer.ts.
 */
import type { Writable } from 'node:stream'
import type { PcapngPacket } from '../../dataplane/ports/pcapng.ts'
import { pcapngWriter } from '../../dataplane/ports/pcapng-writer.ts'
import { formatMac } from '../../southbound/wire/address.ts'
import { insideOf, isOf, vidOf } from './capture-frames.ts'
import { guestNamed, NameError, named } from './guest-names.ts'
import type { Lab, LabDocument, OpenTap, Tap } from './lab.ts'
import { type LabNetwork, networkOfGuests, networksOf } from './segments.ts'

const UNDERLAY = 'underlay'
const APPLICATION = 'weft lab capture'

export interface CaptureChoice {
  /** Guests, hosts, physical networks, `underlay`; none: everywhere. */
  readonly where: readonly string[]
  /** Only at these hosts; none: at all. */
  readonly hosts: readonly string[]
  /** Only frames of these guests, wherever they are seen, also inside VXLAN; none: all frames. */
  readonly guests: readonly string[]
}

export interface CaptureOptions extends CaptureChoice {
  /** Where the bytes go; it ends with the capture. */
  readonly stream: Writable
  /** Ends after so many packets; undefined: by stop(). */
  readonly count?: number | undefined
  /** Nanoseconds since 1970, for frames that come without a time. */
  readonly now: () => bigint
}

export interface CaptureCounts {
  /** In the stream. */
  readonly packets: number
  /** Seen and left out, since the reader was too slow, or the system had no room for them. */
  readonly dropped: number
}

export interface Capture {
  /** Names of what is watched. */
  readonly places: readonly string[]
  /** Resolves when all of them are; rejects when one cannot be, and the capture has ended. */
  readonly ready: Promise<void>
  /** Final once it has ended. */
  readonly counts: CaptureCounts
  /** Why it has ended by itself although nobody asked it to: a machine is gone. */
  readonly fault: string | undefined
  /** It ends with what has been on the wire by now. A second call does nothing. */
  stop(): void
}

/** @throws NameError for a place that the lab does not have, or when nothing is left to watch */
export function startCapture(lab: Lab, options: CaptureOptions): Capture {
  const { stream, count = Number.POSITIVE_INFINITY, now } = options
  const taps = chosenTaps(lab, options)
  const guests = options.guests.map((text) => meant(lab.document, text))
  const isWanted = ofGuests(lab, guests)
  const commentOf = commenter(lab.document)
  const writer = pcapngWriter(stream, {
    application: APPLICATION,
    interfaces: taps.map((tap) => ({ name: tap.name, description: describe(lab, tap) })),
    now,
  })
  let [isOpen, isEnding] = [true, false]
  let fault: string | undefined
  let seen: PcapngPacket[] = []
  /** Places are read one after the other: what came in one turn of the loop is put into the order of its times. */
  const flush = (): void => {
    const turn = seen.sort((one, other) => Number(one.at - other.at))
    seen = []
    for (const packet of turn) if (writer.packets < count) writer.write(packet)
    if (writer.packets >= count) stop()
  }
  const open: OpenTap[] = []
  try {
    for (const [interfaceId, tap] of taps.entries())
      open.push(
        tap.open((lent, direction, at = now()) => {
          if (!isOpen || !isWanted(tap, lent)) return
          const frame = new Uint8Array(lent)
          const comment = commentOf(tap, frame, direction)
          if (seen.push({ interfaceId, at, frame, direction, comment }) === 1) setImmediate(flush)
        }),
      )
  } catch (error) {
    stop()
    throw error
  }
  function stop(): void {
    if (isEnding) return
    isEnding = true
    const closing = open.map((tap) => tap.close()).filter((each) => each !== undefined)
    if (closing.length === 0) end()
    else void Promise.allSettled(closing).then(end)
  }
  function end(): void {
    isOpen = false
    flush()
    for (const [interfaceId, tap] of open.entries()) writer.lost(interfaceId, tap.lost)
    writer.close()
  }
  // A reader that went away.
  stream.once('close', stop)
  const ready = Promise.all(open.map((tap) => tap.ready)).then(() => {})
  ready.catch(stop)
  for (const { failed } of open)
    failed?.catch(({ message }: Error) => {
      fault ??= message
      stop()
    })
  return {
    places: taps.map(({ name }) => name),
    ready,
    get counts() {
      return { packets: writer.packets, dropped: writer.dropped }
    },
    get fault() {
      return fault
    },
    stop,
  }
}

function meant(document: LabDocument, text: string): string {
  const name = guestNamed(document, text)
  if (name === undefined) throw new NameError(`${document.name} has no guest ${text}`)
  return name
}

function chosenTaps(lab: Lab, { where, hosts }: CaptureChoice): readonly Tap[] {
  const { document, taps, physicalNetworks } = lab
  if (!taps) throw new NameError(`nothing can be captured on the ${lab.backend} lab`)
  for (const id of hosts)
    if (!document.hosts[id]) throw new NameError(`${document.name} has no host ${id}`)
  const isAt = where.map((text): ((tap: Tap) => boolean) => {
    if (text === UNDERLAY) return ({ guest, physicalNetwork }) => !guest && !physicalNetwork
    if (document.hosts[text]) return ({ hostId }) => hostId === text
    if (physicalNetworks.has(text)) return ({ physicalNetwork }) => physicalNetwork === text
    const guest = guestNamed(document, text)
    if (guest !== undefined) return (tap) => tap.guest === guest
    const others = [...Object.keys(document.hosts), ...physicalNetworks.keys()]
    const all = [UNDERLAY, ...others, ...Object.keys(document.workloads)]
    throw new NameError(`${text} is no place of ${document.name}; there are ${named(all)}`)
  })
  const chosen = taps
    .filter((tap) => isAt.length === 0 || isAt.some((one) => one(tap)))
    .filter(({ hostId }) => hosts.length === 0 || hosts.includes(hostId))
  if (chosen.length === 0) throw new NameError('there is no such place on these hosts')
  return chosen
}

/** Whether a frame is of one of them: their MACs count in their networks alone, since other tenants may have the same. */
function ofGuests(lab: Lab, names: readonly string[]): (tap: Tap, frame: Uint8Array) => boolean {
  if (names.length === 0) return () => true
  const networks = networksOf(lab.document)
  const networkOf = networkOfGuests(lab.document)
  const wanted = names.flatMap((name) => {
    const network = networks.get(networkOf.get(name) ?? '')
    const guest = lab.workloads.get(name)
    return network && guest ? [{ name, network, mac: guest.mac }] : []
  })
  return (tap, frame) => {
    if (tap.guest !== undefined) {
      const here = networks.get(networkOf.get(tap.guest) ?? '')?.segment
      return wanted.some(
        ({ name, network, mac }) =>
          name === tap.guest || (network.segment === here && isOf(frame, 0, mac)),
      )
    }
    const inside = insideOf(frame)
    return wanted.some(({ network, mac }) =>
      inside
        ? inside.vni === network.vni && isOf(frame, inside.start, mac)
        : network.segment === segmentAt(tap, frame) && isOf(frame, 0, mac),
    )
  }
}

/** Of a frame on a physical network, as segments.ts names them. */
const segmentAt = ({ physicalNetwork }: Pick<Tap, 'physicalNetwork'>, frame: Uint8Array) =>
  physicalNetwork === undefined ? undefined : `${physicalNetwork} ${vidOf(frame) ?? 'untagged'}`

function describe({ document, workloads }: Lab, { guest, hostId, physicalNetwork }: Tap): string {
  const workload = workloads.get(guest ?? '')
  if (workload)
    return `port ${document.workloads[workload.name]}, MAC ${formatMac(workload.mac)}, on host ${hostId}`
  const where =
    physicalNetwork === undefined ? 'the underlay' : `physical network ${physicalNetwork}`
  return `host ${hostId}, to ${where}`
}

/** What is said of a packet; of a guest's the same each time. */
function commenter(
  document: LabDocument,
): (tap: Tap, frame: Uint8Array, direction: 'in' | 'out') => string {
  const networks = networksOf(document)
  const networkOf = networkOfGuests(document)
  const byVni = new Map<number, LabNetwork>()
  const bySegment = new Map<string, LabNetwork>()
  for (const network of networks.values()) {
    if (network.vni !== undefined) byVni.set(network.vni, network)
    bySegment.set(network.segment, network)
  }
  return ({ name, hostId, guest, physicalNetwork }, frame, direction) => {
    if (guest !== undefined) {
      const does = direction === 'out' ? 'sent by the guest' : 'arrives at the guest'
      const network = networks.get(networkOf.get(guest) ?? '')
      const of = network ? `, ${nameOf(network)}` : ''
      const [, short] = name.split(' ')
      return `host ${hostId}, guest ${short}: ${does}; port ${document.workloads[guest]}${of}`
    }
    const does = direction === 'out' ? 'sent' : 'arrives'
    if (physicalNetwork === undefined) {
      const inside = insideOf(frame)
      const network = inside && byVni.get(inside.vni)
      const of = inside ? `; ${network ? nameOf(network) : strangeVni(inside.vni)}` : ''
      return `host ${hostId}, underlay: ${does}${of}`
    }
    const vid = vidOf(frame)
    const network = bySegment.get(segmentAt({ physicalNetwork }, frame) ?? '')
    const of = network ? `, network ${network.key}` : ''
    const tag = vid === undefined ? 'untagged' : `VLAN ${vid}`
    return `host ${hostId}, physical network ${physicalNetwork}: ${does}; ${tag}${of}`
  }
}

/** VNI 0 is Weft's own: with it hosts try how much the path between them carries. */
const strangeVni = (vni: number): string =>
  vni === 0 ? "VNI 0, Weft's probe of the path" : `VNI ${vni}, nobody's`

const nameOf = ({ key, vni }: LabNetwork): string =>
  `network ${key}${vni === undefined ? '' : `, VNI ${vni}`}`
