/** Every scenario. Those that take a lab apart come last in their file, and that file last. */
import { bridges } from './bridges.ts'
import { failures } from './failures.ts'
import { hardware } from './hardware.ts'
import { hostFailure } from './host-failure.ts'
import { hostileGuest } from './hostile-guest.ts'
import { interworking } from './interworking.ts'
import { ipv6 } from './ipv6.ts'
import { ipv6Guests } from './ipv6-guests.ts'
import { isolation } from './isolation.ts'
import { jumbo } from './jumbo.ts'
import { leafSpine } from './leaf-spine.ts'
import { mixed } from './mixed.ts'
import { mtu } from './mtu.ts'
import { qinq } from './qinq.ts'
import { quarantine } from './quarantine.ts'
import { removal } from './removal.ts'
import { restart } from './restart.ts'
import type { Scenario } from './scenario.ts'
import { trunk } from './trunk.ts'
import { vlan } from './vlan.ts'

/** By file, as the table of topologies/README.md names them. */
export const files: Readonly<Record<string, readonly Scenario[]>> = {
  interworking,
  isolation,
  bridges,
  vlan,
  qinq,
  trunk,
  mixed,
  mtu,
  jumbo,
  ipv6,
  'ipv6-guests': ipv6Guests,
  'leaf-spine': leafSpine,
  'hostile-guest': hostileGuest,
  'host-failure': hostFailure,
  quarantine,
  restart,
  failures,
  hardware,
  removal,
}

export const scenarios: readonly Scenario[] = Object.values(files).flat()

/** Those that run on a topology, in order. */
export const scenariosOf = (topology: string): readonly Scenario[] =>
  scenarios.filter((each) => each.topology === topology || each.also?.includes(topology))

/** Of all scenarios, each once. */
export const topologies: readonly string[] = [
  ...new Set(scenarios.flatMap(({ topology, also = [] }) => [topology, ...also])),
]
