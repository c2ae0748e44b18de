/**
 * The columns of the database that time changes: counters of interfaces, seconds of connections.
 * Written every few seconds, and only where they changed.
 * Neighbours: switch.ts asks; bridge-port.ts and ports/ count.
 */
import { type Operation, operations } from '../../southbound/ovsdb/operation.ts'
import { openVSwitch, type RowOf } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import type { OvsdbServer } from '../../southbound/ovsdb/server.ts'
import type { FramePort } from '../ports/frame-port.ts'
import type { BridgePort } from './bridge-port.ts'
import type { BridgeRows } from './bridge-rows.ts'
import { differs } from './differs.ts'

const ops = operations(openVSwitch)

/** Interface.statistics; what the device lost is counted where it was lost. */
export function portStatistics(port: BridgePort, device?: FramePort): Record<string, number> {
  const { rxPackets, rxBytes, txPackets, txBytes, txDropped } = port.counters
  const below = device?.counters
  return {
    rx_bytes: rxBytes,
    rx_dropped: below?.rxDropped ?? 0,
    rx_errors: (below?.rxErrors ?? 0) + (below?.rxOversize ?? 0),
    rx_packets: rxPackets,
    tx_bytes: txBytes,
    tx_dropped: txDropped + (below?.txDropped ?? 0),
    tx_errors: below?.txErrors ?? 0,
    tx_packets: txPackets,
  }
}

export function interfaceStatistics(
  database: OvsdbServer<typeof openVSwitch>,
  bridges: Iterable<BridgeRows>,
  only: (row: RowOf<'Interface'>) => boolean = () => true,
): Operation[] {
  const all = [...bridges]
  return [...database.table('Interface').values()].flatMap((row) => {
    const owner = all.find(({ interfaces }) => interfaces.port(row.name))
    const port = owner?.interfaces.port(row.name)
    if (!owner || !port || !only(row)) return []
    const statistics = portStatistics(port, owner.interfaces.device(row.name))
    return differs(row, { statistics }) ? [ops.update('Interface', row._uuid, { statistics })] : []
  })
}
