/**
 * The Interface rows of one bridge kept real: a port for each, opened, numbered, changed and closed
 * as the rows say; what came of it goes back into them. What cannot be is reported as Open vSwitch
 * does: ofport -1 and a sentence. Opening may take a while: then `isPending`, and a call when done.
 * Neighbours: bridge-rows.ts calls apply(), devices.ts and interfaces.ts open by type.
 */
import { LOCAL } from '../../southbound/openflow/port.ts'
import { type Operation, operations } from '../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import { WireError } from '../../southbound/wire/error.ts'
import { type FramePort, LARGEST_MTU, PortError } from '../ports/frame-port.ts'
import type { Bridge } from './bridge.ts'
import type { BridgePort } from './bridge-port.ts'
import { findDevice, type Held } from './devices.ts'
import { differs } from './differs.ts'
import {
  type InterfaceHost,
  type InterfaceRow,
  interfaceIdentity,
  interfaceStatus,
  openTunnel,
} from './interfaces.ts'

export interface InterfaceRows {
  /** Some are still being opened. */
  readonly isPending: boolean
  /**
   * Compares rows with ports; returns what has to be reported in the rows. What could not be opened is
   * tried again when `generation` is another.
   */
  apply(rows: readonly InterfaceRow[], generation: string): Operation[]
  port(interfaceName: string): BridgePort | undefined
  /** What carries the port's frames; undefined for a tunnel. */
  device(interfaceName: string): FramePort | undefined
  close(): void
}

export interface InterfaceRowsOptions {
  readonly bridge: Bridge
  /** Of the bridge's own port. */
  readonly mac: number
  readonly host: InterfaceHost
  warn(fields: object, event: string): void
  /** Something was opened, or failed to: apply() has more to report. */
  changed(): void
}

/** An Interface row as far as it has come: being opened, a port, or what went wrong. */
interface Slot {
  readonly identity: string
  /** What the process had registered under the name. */
  readonly registered: FramePort | undefined
  /** Of the last try. */
  readonly generation: string
  isOpening: boolean
  held: Held | undefined
  port: BridgePort | undefined
  error: string | undefined
}

const ops = operations(openVSwitch)
/** Highest ofport that is given out. */
const MAX_OFPORT = 65_279
/** The least that an IPv4 network may have, and so a device. RFC 791. */
const LEAST_MTU = 68

export function interfaceRows(options: InterfaceRowsOptions): InterfaceRows {
  const { bridge, host } = options
  const slots = new Map<string, Slot>()
  /** Numbers of rows whose device went: theirs when one is back, as in Open vSwitch. */
  const kept = new Map<string, number>()
  let nextOfport = 1

  /** The requested number, the one it had, or the next that is free and was not used lately. */
  const chooseOfport = (row: InterfaceRow): number => {
    if (row.name === bridge.name) return LOCAL
    const had = kept.get(row.name) ?? row.ofport
    kept.delete(row.name)
    for (const number of [row.ofport_request, had]) {
      if (number === undefined || number < 1 || number > MAX_OFPORT) continue
      if (!bridge.ports.has(number)) return number
    }
    const taken = new Set(kept.values())
    if (bridge.ports.size + taken.size >= MAX_OFPORT) {
      throw new PortError(`${row.name}: no port number is free`)
    }
    while (bridge.ports.has(nextOfport) || taken.has(nextOfport)) {
      nextOfport = (nextOfport % MAX_OFPORT) + 1
    }
    const number = nextOfport
    nextOfport = (number % MAX_OFPORT) + 1
    return number
  }

  const close = (slot: Slot) => {
    if (slot.port) bridge.removePort(slot.port.ofport)
    slot.held?.release()
    slot.port = undefined
    slot.held = undefined
  }

  const fail = (slot: Slot, row: InterfaceRow, error: unknown) => {
    close(slot)
    const { message } = error as Error
    if (!(error instanceof PortError || error instanceof WireError)) {
      options.warn({ bridge: bridge.name, interface: row.name, error }, 'could not open a port')
    } else if (slot.error !== message && row.error !== message) {
      options.warn({ bridge: bridge.name, interface: row.name }, message)
    }
    slot.error = message
  }

  const plug = (slot: Slot, row: InterfaceRow, held: Held) => {
    const unwatch = held.device.onState(options.changed)
    const release = () => {
      unwatch()
      held.release()
    }
    slot.held = { device: held.device, release }
    try {
      slot.port = bridge.addDevice(chooseOfport(row), row.name, held.device)
      slot.error = undefined
    } catch (error) {
      fail(slot, row, error)
    }
  }

  const start = (slot: Slot, row: InterfaceRow) => {
    // The bridge's own port has the bridge's address.
    const own = row.name === bridge.name ? { mac: () => options.mac } : {}
    try {
      const held = findDevice(row, { ...host, ...own })
      if (held === undefined) {
        slot.port = openTunnel(row, bridge, { ...host, ofport: () => chooseOfport(row) })
        slot.error = undefined
      } else if (held instanceof Promise) wait(slot, row, held)
      else plug(slot, row, held)
    } catch (error) {
      fail(slot, row, error)
    }
  }

  const wait = (slot: Slot, row: InterfaceRow, opening: Promise<Held>) => {
    slot.isOpening = true
    /** Whether the row still wants what was opened for it. */
    const isWanted = () => slots.get(row.name) === slot
    opening
      .then(
        (held) => (isWanted() ? plug(slot, row, held) : held.release()),
        (error: unknown) => {
          if (isWanted()) fail(slot, row, error)
        },
      )
      .finally(() => {
        slot.isOpening = false
        options.changed()
      })
  }

  const remove = (name: string, slot: Slot) => {
    slots.delete(name)
    close(slot)
  }

  /** Whether the row means something else than was opened for it, or a failure deserves a new try. */
  const isStale = (row: InterfaceRow, slot: Slot, generation: string): boolean => {
    if (slot.identity !== interfaceIdentity(row)) return true
    // A device that the process has registered under the name comes, goes, is exchanged.
    if (slot.registered !== host.device(row.name)) return true
    // A device of the machine that was deleted is opened anew when one of its name is back.
    if (slot.held?.device.gone && !slot.registered) return true
    return slot.error !== undefined && slot.generation !== generation
  }

  /** Who asks for a number that another has, or that is free by now, moves; so does that other. */
  const freeRequested = (rows: readonly InterfaceRow[]) => {
    const byOfport = new Map(rows.map((row) => [slots.get(row.name)?.port?.ofport, row]))
    for (const row of rows) {
      const { ofport_request: wanted, name } = row
      const ofport = slots.get(name)?.port?.ofport
      if (wanted === undefined || ofport === undefined) continue
      if (ofport === wanted || name === bridge.name || wanted > MAX_OFPORT) continue
      const holder = byOfport.get(wanted)
      if (holder?.ofport_request === wanted) continue
      for (const one of [row.name, holder?.name]) {
        const slot = one === undefined ? undefined : slots.get(one)
        if (one !== undefined && slot) remove(one, slot)
      }
    }
  }

  const setMtu = ({ mtu_request: wanted }: InterfaceRow, device: FramePort | undefined) => {
    if (wanted === undefined || wanted < LEAST_MTU || wanted > LARGEST_MTU) return
    if (device && device.mtuBytes !== wanted) device.setMtu?.(wanted)
  }

  return {
    get isPending() {
      return [...slots.values()].some(({ isOpening }) => isOpening)
    },
    apply(rows, generation) {
      const names = new Set(rows.map(({ name }) => name))
      for (const [name, slot] of slots) if (!names.has(name)) remove(name, slot)
      for (const name of kept.keys()) if (!names.has(name)) kept.delete(name)
      for (const row of rows) {
        const slot = slots.get(row.name)
        if (!slot || !isStale(row, slot, generation)) continue
        if (slot.port) kept.set(row.name, slot.port.ofport)
        remove(row.name, slot)
      }
      freeRequested(rows)
      return rows.toSorted(byRequestAndName).flatMap((row) => {
        let slot = slots.get(row.name)
        if (!slot) {
          slot = newSlot(row, host.device(row.name), generation)
          slots.set(row.name, slot)
          start(slot, row)
        }
        if (slot.isOpening) return []
        setMtu(row, slot.held?.device)
        const status = interfaceStatus(slot)
        return differs(row, status) ? [ops.update('Interface', row._uuid, status)] : []
      })
    },
    port: (name) => slots.get(name)?.port,
    device: (name) => slots.get(name)?.held?.device,
    close() {
      for (const [name, slot] of slots) remove(name, slot)
    },
  }
}

function newSlot(row: InterfaceRow, registered: Slot['registered'], generation: string): Slot {
  const identity = interfaceIdentity(row)
  const empty = { isOpening: false, held: undefined, port: undefined, error: undefined }
  return { identity, registered, generation, ...empty }
}

/** Rows come in the order of random uuids; who asked for a number is served first. */
function byRequestAndName(a: InterfaceRow, b: InterfaceRow): number {
  const requests = Number(b.ofport_request !== undefined) - Number(a.ofport_request !== undefined)
  return requests || (a.name < b.name ? -1 : 1)
}
