/** Every scenario. Those that take a lab apart come last in their file, and that file last. */
import { bridges } from './bridges.ts'
import { failures } from './failures.ts'
import { hardware } from './hardware.ts'
import { interworking } from './interworking.ts'
import { ipv6 } from './ipv6.ts'
import { ipv6Guests } from './ipv6-guests.ts'
import { isolation } from './isolation.ts'
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
  mtu,
  ipv6,
  'ipv6-guests': ipv6Guests,
  quarantine,
  restart,
  failures,
  hardware,
  removal,
}

export const scenarios: readonly Scenario[] = Object.values(files).flat()
