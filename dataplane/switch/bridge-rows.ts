/**
 * One Bridge row kept real: the bridge itself, a port for each of its interfaces, a connection for
 * each of its controllers. apply() compares the rows with what is there and returns what has to
 * be reported in them.
 * Neighbours: switch.ts calls apply() after each commit, interfaces.ts opens ports by type.
 */
import type { Duplex } from 'node:stream'
import { Connection } from '../../southbound/openflow/connection.ts'
import { LOCAL } from '../../southbound/openflow/port.ts'
import { type Operation, operations } from '../../southbound/ovsdb/operation.ts'
import { openVSwitch, type RowOf } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import type { OvsdbServer } from '../../southbound/ovsdb/server.ts'
import { serveOpenflow } from '../openflow/agent.ts'
import type { FramePort } from '../ports/memory.ts'
import { Bridge, type BridgeOptions } from './bridge.ts'
import type { BridgePort } from './bridge-port.ts'
import { type Dial, keepDialing } from './dialer.ts'
import {
  type InterfaceHost,
  interfaceIdentity,
  interfaceStatus,
  type Opened,
  openInterface,
} from './interfaces.ts'

export interface BridgeRowsOptions extends Omit<BridgeOptions, 'name' | 'datapathId'> {
  readonly database: OvsdbServer<typeof openVSwitch>
  readonly dial: Dial
  readonly interfaces: Omit<InterfaceHost, 'ofport'>
  /** Writes status columns of a row that may be gone by then. */
  report(table: 'Controller', uuid: string, row: object): void
}

export interface BridgeRows {
  readonly bridge: Bridge
  apply(row: RowOf<'Bridge'>): Operation[]
  port(interfaceName: string): BridgePort | undefined
  close(): void
}

interface OpenInterface extends Opened {
  readonly identity: string
}

const ops = operations(openVSwitch)
/** Open vSwitch's own defaults, ovs-vswitchd.conf.db(5). */
export const DEFAULT_BACKOFF_MS = 8000
const DEFAULT_PROBE_MS = 5000
/** Highest ofport that is given out. */
const MAX_OFPORT = 65_279
/** Controller.role by the number of a role request. */
const ROLES = ['other', 'other', 'master', 'slave'] as const

/** `mac`: the address of the bridge's own port. */
export function bridgeRows(
  name: string,
  datapathId: bigint,
  mac: number,
  options: BridgeRowsOptions,
): BridgeRows {
  const { database, dial, clock, log } = options
  const bridge = new Bridge({ ...options, name, datapathId })
  const open = new Map<string, OpenInterface>()
  const controllers = new Map<string, () => void>()
  let nextOfport = 1

  /** The requested number, the one it had, or the next that is free and was not used lately. */
  const chooseOfport = (row: RowOf<'Interface'>): number => {
    if (row.name === name) return LOCAL
    for (const number of [row.ofport_request, row.ofport]) {
      if (number !== undefined && number > 0 && !bridge.ports.has(number)) return number
    }
    while (bridge.ports.has(nextOfport)) nextOfport = (nextOfport % MAX_OFPORT) + 1
    const number = nextOfport
    nextOfport = (number % MAX_OFPORT) + 1
    return number
  }

  const deviceOf = (row: RowOf<'Interface'>): FramePort | undefined =>
    row.type === 'internal'
      ? options.interfaces.internal(row.name, mac)
      : options.interfaces.device(row.name)

  const applyInterface = (row: RowOf<'Interface'>): Opened => {
    const identity = interfaceIdentity(row)
    let now = open.get(row.name)
    const sameDevice = now?.device === undefined || now.device === deviceOf(row)
    if (!now?.port || now.identity !== identity || !sameDevice) {
      if (now?.port) bridge.removePort(now.port.ofport)
      // The bridge's own port has the bridge's address.
      const own = row.name === name ? { mac: () => mac } : {}
      const host = { ...options.interfaces, ...own, ofport: () => chooseOfport(row) }
      const opened = openInterface(row, bridge, host)
      if (opened.error !== undefined && row.error !== opened.error) {
        log.warn({ bridge: name, interface: row.name }, opened.error)
      }
      now = { ...opened, identity }
      open.set(row.name, now)
    }
    const { device } = now
    if (row.mtu_request !== undefined && device && device.mtuBytes !== row.mtu_request) {
      device.setMtu?.(row.mtu_request)
    }
    return now
  }

  const applyPorts = (row: RowOf<'Bridge'>): Operation[] => {
    const rows = row.ports
      .flatMap((uuid) => database.table('Port').get(uuid)?.interfaces ?? [])
      .flatMap((uuid) => database.table('Interface').get(uuid) ?? [])
      .sort(byRequestAndName)
    const names = new Set(rows.map((one) => one.name))
    for (const [other, { port }] of open) {
      if (names.has(other)) continue
      if (port) bridge.removePort(port.ofport)
      open.delete(other)
    }
    return rows.flatMap((one) => {
      const status = interfaceStatus(applyInterface(one))
      return differs(one, status) ? [ops.update('Interface', one._uuid, status)] : []
    })
  }

  const serve = async (stream: Duplex, controller: RowOf<'Controller'>) => {
    const probe = controller.inactivity_probe ?? DEFAULT_PROBE_MS
    const echoIntervalMs = probe === 0 ? DEFAULT_PROBE_MS : probe
    const connection = await Connection.open(stream, { echoIntervalMs })
    serveOpenflow(bridge, connection, {
      onRole: (role) => options.report('Controller', controller._uuid, { role: ROLES[role] }),
    })
    return { ended: connection.closed, close: () => connection.close() }
  }

  const applyControllers = (row: RowOf<'Bridge'>) => {
    const rows = row.controller.flatMap((uuid) => database.table('Controller').get(uuid) ?? [])
    keepAll(controllers, rows, (controller) =>
      keepDialing({
        target: controller.target,
        dial,
        clock,
        maxBackoffMs: controller.max_backoff ?? DEFAULT_BACKOFF_MS,
        serve: (stream) => serve(stream, controller),
        onState(is_connected, error) {
          const fields = { bridge: name, controller: controller.target, error: error?.message }
          log.info(fields, is_connected ? 'connected' : 'disconnected')
          const role = is_connected ? 'other' : undefined
          options.report('Controller', controller._uuid, { is_connected, role })
        },
      }),
    )
  }

  return {
    bridge,
    apply(row) {
      const writes = applyPorts(row)
      const datapath_id = datapathId.toString(16).padStart(16, '0')
      const status = { datapath_id, datapath_version: '<built-in>' }
      if (differs(row, status)) writes.push(ops.update('Bridge', row._uuid, status))
      applyControllers(row)
      return writes
    },
    port: (interfaceName) => open.get(interfaceName)?.port,
    close() {
      for (const stop of controllers.values()) stop()
      bridge.close()
    },
  }
}

/** Rows come in the order of random uuids; who asked for a number is served first. */
function byRequestAndName(a: RowOf<'Interface'>, b: RowOf<'Interface'>): number {
  const requests = Number(b.ofport_request !== undefined) - Number(a.ofport_request !== undefined)
  return requests || (a.name < b.name ? -1 : 1)
}

/** Starts what rows name and stops what no row names any more. */
export function keepAll<R extends { readonly _uuid: string; readonly target: string }>(
  running: Map<string, () => void>,
  rows: readonly R[],
  start: (row: R) => () => void,
): void {
  const wanted = new Map(rows.map((row) => [`${row._uuid} ${row.target}`, row]))
  for (const [key, stop] of running) {
    if (wanted.has(key)) continue
    stop()
    running.delete(key)
  }
  for (const [key, row] of wanted) if (!running.has(key)) running.set(key, start(row))
}

/** Whether a row lacks one of these values. */
export function differs(row: object, values: object): boolean {
  return Object.entries(values).some(([column, value]) => {
    const now = (row as Record<string, unknown>)[column]
    if (value === null || typeof value !== 'object') return now !== value
    return JSON.stringify(now) !== JSON.stringify(value)
  })
}
