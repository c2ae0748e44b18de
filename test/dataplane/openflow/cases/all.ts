/** All cases, by what they are about. */
import { bundleCases } from './bundles.ts'
import type { Cases } from './case.ts'
import { flowCases } from './flows.ts'
import { groupCases } from './groups.ts'
import { meterCases } from './meters.ts'
import { multipartCases } from './multiparts.ts'
import { switchCases } from './switch.ts'

export const cases: Readonly<Record<string, Cases>> = {
  'flow-mods': flowCases,
  'group-mods': groupCases,
  'meter-mods': meterCases,
  'requests to the switch': switchCases,
  multiparts: multipartCases,
  'bundles and extensions': bundleCases,
}
