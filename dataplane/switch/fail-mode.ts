/**
 * What a bridge does without its controllers (ovs-vswitchd.conf.db(5), `fail_mode`). Secure: nothing,
 * its flows stay as they are. Standalone: without any primary controller it is a learning bridge, by
 * one flow to NORMAL; when it has some and none was connected for three probes, every packet goes to
 * NORMAL until one is back, and the flows wait.
 * Neighbours: controllers.ts tells, bridge.ts does.
 */
import { encodeFlow } from '../../southbound/openflow/flow.ts'
import { flowMod } from '../../southbound/openflow/message.ts'
import { NORMAL } from '../../southbound/openflow/port.ts'
import type { Bridge } from './bridge.ts'

export interface FailMode {
  apply(wanted: { isStandalone: boolean; primaries: number; probeMs: number }): void
  /** So many primary controllers are connected now. */
  connected(count: number): void
  stop(): void
}

/** Probes without a controller after which a standalone bridge goes its own way. */
const PATIENCE = 3

export function failMode(bridge: Bridge): FailMode {
  let isStandalone: boolean | undefined
  let primaries = 0
  let probeMs = 0
  let connected = 0
  let cancel: (() => void) | undefined

  const watch = () => {
    const isAlone = isStandalone === true && primaries > 0 && connected === 0
    if (!isAlone) {
      cancel?.()
      cancel = undefined
      open(false)
    } else if (!cancel && !bridge.failsOpen) {
      // A probe of 0 is none: then nobody is taken for dead, as in Open vSwitch.
      if (probeMs > 0) cancel = bridge.clock.after(PATIENCE * probeMs, () => open(true))
    }
  }
  const open = (failsOpen: boolean) => {
    if (bridge.failsOpen === failsOpen) return
    bridge.failsOpen = failsOpen
    bridge.log.warn(
      { bridge: bridge.name },
      failsOpen ? 'no controller: every packet goes to NORMAL' : 'back under a controller',
    )
  }

  return {
    apply(wanted) {
      const isNew = isStandalone === undefined
      const hadOthers = primaries > 0
      const changesMode = isStandalone !== wanted.isStandalone
      isStandalone = wanted.isStandalone
      primaries = wanted.primaries
      probeMs = wanted.probeMs
      const isAlone = primaries === 0
      const changesHands = hadOthers === isAlone
      // Flows of before are somebody else's: a new controller, or none, starts on an empty bridge.
      if (!isNew && (changesHands || (changesMode && isAlone))) removeFlows(bridge)
      if (isStandalone && isAlone && (changesHands || changesMode)) addNormalFlow(bridge)
      watch()
    },
    connected(count) {
      connected = count
      watch()
    },
    stop: () => cancel?.(),
  }
}

const ALL_TABLES = 0xff
const identity = { priority: 0, cookie: 0n, match: {} }

function removeFlows(bridge: Bridge): void {
  const all = encodeFlow({ ...identity, table_id: ALL_TABLES, instructions: [] })
  change(bridge, flowMod('delete', all))
}

function addNormalFlow(bridge: Bridge): void {
  const actions = [{ kind: 'output', port: NORMAL, max_len: 0 } as const]
  const instructions = [{ kind: 'apply_actions', actions } as const]
  change(bridge, flowMod('add', encodeFlow({ ...identity, table_id: 0, instructions })))
}

function change(bridge: Bridge, mod: ReturnType<typeof flowMod>): void {
  bridge.change(undefined, (journal) => bridge.flows.apply(mod, bridge.clock.now(), journal))
}
