/** Every scenario. Those that take a lab apart come last in their file, and that file last. */
import { failures } from './failures.ts'
import { hardware } from './hardware.ts'
import { interworking } from './interworking.ts'
import { isolation } from './isolation.ts'
import type { Scenario } from './scenario.ts'

/** By file, as the table of topologies/README.md names them. */
export const files: Readonly<Record<string, readonly Scenario[]>> = {
  interworking,
  isolation,
  failures,
  hardware,
}

export const scenarios: readonly Scenario[] = Object.values(files).flat()
