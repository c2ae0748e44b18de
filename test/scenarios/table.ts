/** The table of topologies/README.md, from what the scenarios declare. Neighbour: features.ts. */
import type { Realizer } from '../../topologies/lab/host-switch.ts'
import { files } from '../../topologies/scenarios/all.ts'
import {
  columns,
  elsewhere,
  type Feature,
  features,
  without,
} from '../../topologies/scenarios/features.ts'

const realizers = Object.keys(columns) as Realizer[]

export interface Cell {
  readonly feature: Feature
  readonly realizer: Realizer
  /** Paths from the root of the project. */
  readonly proofs: readonly string[]
  readonly reason: string | undefined
}

export const cells: readonly Cell[] = (Object.keys(features) as Feature[]).flatMap((feature) =>
  realizers.map((realizer) => {
    const own = Object.entries(files).flatMap(([name, scenarios]) =>
      scenarios.some(({ shows }) => shows[feature]?.includes(realizer))
        ? [`topologies/scenarios/${name}.ts`]
        : [],
    )
    const other = elsewhere[feature][realizer]
    const proofs = other === undefined ? own : [...own, other]
    return { feature, realizer, proofs, reason: without[feature][realizer] }
  }),
)

const link = (path: string): string =>
  `[${path.replace(/^.*\//, '').replace(/(\.test)?\.ts$/, '')}](../${path})`

export const heading: readonly string[] = ['', ...Object.values(columns)]

export const rows: readonly (readonly string[])[] = (
  Object.entries(features) as [Feature, string][]
).map(([feature, sentence]) => [
  sentence,
  ...cells
    .filter((cell) => cell.feature === feature)
    .map(({ proofs, reason }) =>
      proofs.length > 0 ? proofs.map(link).join(', ') : (reason ?? ''),
    ),
])
