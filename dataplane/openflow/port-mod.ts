/**
 * port_mod: what a controller may change of a port (OpenFlow 1.3.5 §7.3.4.3). The ports of this
 * switch negotiate nothing: features to advertise are taken and have no effect, as in Open vSwitch.
 * Neighbours: bridge.ts honours the bits.
 */
import type { MessageOf } from '../../southbound/openflow/message.ts'
import { portConfig } from '../../southbound/openflow/port.ts'
import type { Journal } from '../pipeline/journal.ts'
import { refuse } from '../pipeline/refusal.ts'
import type { BridgePort } from '../switch/bridge-port.ts'

export type PortMod = Omit<MessageOf<'port_mod'>, 'type' | 'xid'>

const KNOWN = Object.values(portConfig).reduce<number>((bits, bit) => bits | bit, 0)
/** OFPPF_10MB_HD to OFPPF_PAUSE_ASYM. */
const FEATURES = 0xffff

/** Answers the port when it was changed; throws a Refusal. */
export function applyPortMod(
  ports: ReadonlyMap<number, BridgePort>,
  mod: PortMod,
  journal: Journal,
): BridgePort | undefined {
  const port = ports.get(mod.port_no)
  if (!port) return refuse('port_mod_failed.bad_port', `${mod.port_no}`)
  if (mod.hw_addr !== port.mac) refuse('port_mod_failed.bad_hw_addr', port.name)
  if (((mod.mask | mod.config) & ~KNOWN) !== 0) refuse('port_mod_failed.bad_config', port.name)
  if ((mod.advertise & ~FEATURES) !== 0) refuse('port_mod_failed.bad_advertise', port.name)
  const { config: before } = port
  const after = (before & ~mod.mask) | (mod.config & mod.mask)
  if (after === before) return undefined
  port.config = after
  journal.undo.push(() => {
    port.config = before
  })
  return port
}
