/**
 * A host of kind `vtep`: kernel bridges under `weft agent`, or Open vSwitch's emulator of a hardware switch (emulator.ts).
 * The VTEP's address is on the underlay NIC; a guest's interface says by its ifalias which port it is.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  guestsOf,
  type HostOptions,
  MAX_BACKOFF_MS,
  managerOf,
  type NetnsHost,
  shellOf,
} from './host.ts'
import { inNamespace, ipBatch } from './namespace.ts'
import { type HostPlan, UNDERLAY_NIC } from './plan.ts'
import { routeLines } from './routed.ts'
import type { RunOptions } from './run.ts'
import { service } from './service.ts'
import { WEFT } from './weft-switch.ts'

/** The agent reads the kernel at least so often. */
const AUDIT_S = 1

export interface VtepHost extends NetnsHost {
  /** Undefined while the agent is down. */
  readonly pid: number | undefined
  /** `vtep-ctl ARGS`, its output without the last newline. */
  vtepctl(args: readonly string[], options?: RunOptions): Promise<string>
  /** What it has said. */
  log(): string
  /** `weft agent --remove`, of an agent that is down: the host is as if it had never run. */
  remove(): Promise<void>
}

/** A host by its plan; nothing is started yet. */
export function vtepHost(plan: HostPlan, options: HostOptions): VtepHost {
  const rundir = join(options.runDirectory, `${plan.id}-agent`)
  const agent = service(plan.namespace, join(options.runDirectory, `${plan.id}-agent.log`))
  const shell = shellOf(plan)
  const argv = [process.execPath, WEFT, 'agent', '--rundir', rundir]
  const { pki } = options
  const tls = pki?.host(plan.systemId)
  const vtepctl: VtepHost['vtepctl'] = async (args, runOptions) => {
    const line = ['vtep-ctl', `--db=unix:${rundir}/vtep.sock`, '--timeout=20', ...args]
    return (await shell.exec(line, runOptions)).stdout.trimEnd()
  }
  return {
    id: plan.id,
    plan,
    get pid() {
      return agent.pid
    },
    ...shell,
    vtepctl,
    log: agent.log,
    kill: agent.kill,
    async start({ emptyDatabase, signal }) {
      if (plan.vtep.addresses.some((each) => each.includes(':'))) enableIpv6(plan.namespace)
      await ipBatch(plan.namespace, vtepLines(plan), signal)
      const fresh = emptyDatabase ? ['rm', '-rf', rundir] : ['true']
      await shell.exec(fresh, { signal })
      const own = [
        '--name',
        plan.systemId,
        '--tunnel-ip',
        addressOf(plan),
        '--audit',
        String(AUDIT_S),
      ]
      const keys = tls ? ['--tls-key', tls.key, '--tls-cert', tls.cert, '--tls-ca', tls.ca] : []
      await agent.start([...argv, ...own, ...keys], { ready: 'weft agent: ready', signal })
    },
    async boot({ signal } = {}) {
      const manager = managerOf(options)
      await vtepctl(['set-manager', manager], { signal })
      await vtepctl(['set', 'Manager', manager, `max_backoff=${MAX_BACKOFF_MS}`], { signal })
      const guests = await guestsOf(plan, options)
      const lines = guests.map(({ guest, uuid }) => `link set dev ${guest.device} alias ${uuid}`)
      await ipBatch(plan.namespace, lines, signal)
    },
    async remove() {
      await shell.exec([...argv, '--remove'])
    },
  }
}

/** The primary address of a VTEP. */
export const addressOf = ({ vtep }: HostPlan): string =>
  (vtep.addresses[0] ?? '').replace(/\/.*/, '')

/** Namespaces of a lab are made without it. */
function enableIpv6(namespace: string): void {
  const file = `/proc/sys/net/ipv6/conf/${UNDERLAY_NIC}/disable_ipv6`
  inNamespace(namespace, () => writeFileSync(file, '0'))
}

function vtepLines({ vtep, routes }: HostPlan): string[] {
  return [
    ...vtep.addresses.map(
      (each) => `address replace ${each} dev ${UNDERLAY_NIC}${each.includes(':') ? ' nodad' : ''}`,
    ),
    `link set dev ${UNDERLAY_NIC} up`,
    ...routeLines(routes, UNDERLAY_NIC),
  ]
}
