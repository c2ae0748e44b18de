/** Checks of Open vSwitch on this machine. Neighbours: host-facts.ts, check.ts. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { bad, type Check, type Finding, ok, orWell, unknown, warn } from './check.ts'
import type { HostFacts } from './host-facts.ts'

const START = 'systemctl start openvswitch-switch; its log is /var/log/openvswitch'
const BRIDGE = 'br-int'
/** What flows need (check_pkt_larger), and what Weft is tested with. */
const [OLDEST, TESTED] = [
  [2, 12],
  [3, 1],
] as const

export const switchChecks: readonly Check<HostFacts>[] = [
  {
    name: 'ovsdb-server',
    looksAt: 'whether it answers at its socket',
    async run({ database, rundir }) {
      try {
        await database()
        return [ok(`answers at ${rundir}/db.sock`)]
      } catch (error) {
        return [bad(`no answer at ${rundir}/db.sock: ${(error as Error).message}`, START)]
      }
    },
  },
  {
    name: 'ovs-vswitchd',
    looksAt: 'whether it runs and answers',
    async run(facts) {
      try {
        return [ok((await versionOf(facts)).split('\n')[0] ?? '')]
      } catch (error) {
        return [bad(`it does not answer: ${(error as Error).message}`, START)]
      }
    },
  },
  {
    name: 'version of Open vSwitch',
    looksAt: 'whether flows can be what they have to be',
    async run(facts) {
      const { root } = await facts.database()
      // Its service writes it into the database; whoever starts the daemons by hand does not.
      const version = root?.ovs_version ?? / (\d+\.\d+\S*)$/m.exec(await versionOf(facts))?.[1]
      if (version === undefined) return [unknown('ovs-vswitchd does not say')]
      if (isBefore(version, OLDEST))
        return [bad(`${version} has no check_pkt_larger`, `install ${OLDEST.join('.')} or later`)]
      if (isBefore(version, TESTED))
        return [
          warn(
            `${version} is older than what Weft is tested with`,
            `install ${TESTED.join('.')} or later`,
          ),
        ]
      return [ok(version)]
    },
  },
  {
    name: 'manager',
    looksAt: 'whether the database dials a controller, and is connected',
    async run({ database }) {
      const { managers } = await database()
      if (managers.length === 0)
        return [
          bad('there is none', 'ovs-vsctl set-manager tcp:CONTROLLER:6640 (ssl: after set-ssl)'),
        ]
      return remotes(
        managers,
        'is the address right, does the controller listen there, does a firewall drop TCP 6640?',
      )
    },
  },
  {
    name: BRIDGE,
    looksAt: 'whether it is there, with fail_mode secure',
    async run({ database }) {
      const bridge = (await database()).bridges.find(({ name }) => name === BRIDGE)
      if (!bridge)
        return [
          bad(
            'there is none',
            'the controller makes it once it knows this system-id: weft get hosts',
          ),
        ]
      if (bridge.fail_mode === 'secure') return [ok('fail_mode secure')]
      return [
        bad(
          `fail_mode ${bridge.fail_mode ?? 'standalone'}: without a controller it would forward by itself, across tenants`,
          'ovs-vsctl set-fail-mode br-int secure; the controller does it as soon as it is connected',
        ),
      ]
    },
  },
  {
    name: 'controllers of br-int',
    looksAt: 'whether the bridge is connected by OpenFlow',
    async run({ database }) {
      const { bridges, controllers } = await database()
      const ids: readonly string[] = bridges.find(({ name }) => name === BRIDGE)?.controller ?? []
      const own = controllers.filter(({ _uuid }) => ids.includes(_uuid))
      if (own.length === 0)
        return [bad('there is none', 'the controller sets it: is the manager connected?')]
      return remotes(own, 'does the controller listen there, does a firewall drop TCP 6653?')
    },
  },
  {
    name: 'interfaces',
    looksAt: 'what Open vSwitch says it could not make',
    async run({ database }) {
      const { interfaces } = await database()
      const wrong = interfaces.flatMap(({ name, error }) =>
        error === undefined || error === ''
          ? []
          : [
              bad(
                `${name}: ${error}`,
                'make its device, or take its port away: ovs-vsctl del-port',
              ),
            ],
      )
      return orWell(wrong, `all of ${interfaces.length}`)
    },
  },
]

function versionOf({ run, rundir }: HostFacts): Promise<string> {
  const socket = join(rundir, 'ovs-vswitchd.ctl')
  const target = existsSync(socket) ? socket : 'ovs-vswitchd'
  return run('ovs-appctl', ['--timeout=4', '-t', target, 'version'])
}

interface RemoteRow {
  readonly target: string
  readonly is_connected: boolean
  readonly status: Readonly<Record<string, string>>
}

/** One that is connected is enough: the others may be its standby. */
function remotes(rows: readonly RemoteRow[], todo: string): Finding[] {
  const isServed = rows.some(({ is_connected }) => is_connected)
  return rows.map(({ target, is_connected, status }) => {
    if (is_connected) return ok(`${target} is connected`)
    const why = [status.state, status.last_error].filter(Boolean).join(', ')
    const seen = `${target} is not connected${why && ` (${why})`}`
    return isServed ? warn(seen, todo) : bad(seen, todo)
  })
}

function isBefore(version: string, [major, minor]: readonly [number, number]): boolean {
  const [first = 0, second = 0] = version.split('.').map(Number)
  return first < major || (first === major && second < minor)
}
