/** All groups of checks, each with where it looks. The table in ../README.md is made of it. */
import type { Check } from './check.ts'
import { switchChecks } from './host-switch.ts'
import { systemChecks } from './host-system.ts'
import { underlayChecks } from './host-underlay.ts'
import { controllerChecks } from './site-controller.ts'
import { hostChecks } from './site-hosts.ts'
import { objectChecks } from './site-objects.ts'
import { storeChecks } from './store.ts'

/** Of a site, over REST. */
export const siteChecks = [...controllerChecks, ...hostChecks, ...objectChecks] as const

/** Of a machine; one of kind vtep has no Open vSwitch. */
export const machineChecks = {
  ovs: [...switchChecks, ...underlayChecks, ...systemChecks],
  vtep: [...underlayChecks, ...systemChecks],
} as const

export { storeChecks }

/** How a group is asked for -> what it looks at. */
export const groups: Readonly<Record<string, readonly Pick<Check<never>, 'name' | 'looksAt'>[]>> = {
  'weft doctor': siteChecks,
  'weft doctor --host': machineChecks.ovs,
  'weft doctor --store FILE': storeChecks,
}
