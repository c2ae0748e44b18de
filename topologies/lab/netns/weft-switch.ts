/**
 * `weft switch` in the place of Open vSwitch on a host of kind ovs: one process, the same commands. Its VTEP is its own, on
 * the underlay NIC, so there is no br-phy and the kernel has no address there.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatMac } from '../../../southbound/wire/address.ts'
import { NetnsError } from './error.ts'
import { within } from './namespace.ts'
import type { OvsDaemons } from './ovs-daemons.ts'
import { type HostPlan, UNDERLAY_NIC } from './plan.ts'
import { type RunOptions, run } from './run.ts'
import { service } from './service.ts'

export const WEFT = fileURLToPath(new URL('../../../bin/weft.ts', import.meta.url))

/** The process with its files in `directory` (made here); nothing is started yet. */
export function weftSwitch(plan: HostPlan, directory: string): OvsDaemons {
  const { namespace, systemId, underlayMtuBytes, vtep, routes } = plan
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const file = (name: string): string => join(directory, name)
  const env = { OVS_RUNDIR: directory }
  const running = service(namespace, file('weft-switch.log'))
  const words = [
    UNDERLAY_NIC,
    ...vtep.addresses,
    ...routes.map(({ via }) => `via=${via}`),
    `mac=${formatMac(vtep.mac)}`,
    `mtu=${underlayMtuBytes}`,
  ]
  const command = (argv: readonly string[], options: RunOptions | undefined) =>
    run(within(namespace, argv), { ...options, env })
  return {
    directory,
    async startDatabase({ emptyDatabase }) {
      if (emptyDatabase) rmSync(file('conf.db'), { force: true })
    },
    startSwitch: ({ signal }) =>
      running.start(
        [
          ...[process.execPath, WEFT, 'switch', '--rundir', directory, '--db', file('conf.db')],
          ...['--system-id', systemId, '--underlay', `packet:${words.join(',')}`],
        ],
        { ready: 'weft switch: ready', signal },
      ),
    growReceiveBuffers() {},
    kill: running.kill,
    vsctl: (args, options) =>
      command(['ovs-vsctl', `--db=unix:${file('db.sock')}`, ...args], options),
    ofctl: (args, options) => command(['ovs-ofctl', '-O', 'OpenFlow13', ...args], options),
    appctl: () => Promise.reject(new NetnsError('weft switch serves no ovs-appctl')),
  }
}
