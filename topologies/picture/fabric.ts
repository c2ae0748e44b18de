/** The routers of an underlay in a picture: below the hosts in tiers, with the links between them. Neighbours: chart.ts, draw.ts. */
import type { Chart } from './chart.ts'
import { element, line, text, widthOf } from './element.ts'

const TIER = 84
const [BOX_WIDTH, BOX_HEIGHT, GAP] = [104, 28, 64]
const MARGIN = 24

/** Of all tiers, instead of the one segment. */
export const fabricHeight = ({ fabric }: Chart): number => fabric.tiers.length * TIER

/** Where hosts stand. */
export interface Ground {
  readonly chart: Chart
  /** By host. */
  readonly columns: ReadonlyMap<string, { readonly x: number; readonly width: number }>
  /** Where the boxes of hosts end. */
  readonly bottom: number
}

interface Place {
  readonly x: number
  /** Where links from above end, and those to below begin. */
  readonly top: number
  readonly bottom: number
}

export function fabricParts({ chart, columns, bottom }: Ground): string[] {
  const { tiers, links } = chart.fabric
  const places = new Map<string, Place>(
    [...columns].map(([id, { x, width }]) => [id, { x: x + width / 2, top: bottom, bottom }]),
  )
  for (const [at, tier] of tiers.entries()) {
    const y = bottom + TIER * (at + 1) - BOX_HEIGHT
    for (const [id, x] of spreadOut(tier, links, places))
      places.set(id, { x, top: y, bottom: y + BOX_HEIGHT })
  }
  const drawn = links.flatMap(({ ends, says }) => {
    const [one, other] = ends
      .flatMap((end) => places.get(end) ?? [])
      .toSorted((a, b) => a.top - b.top)
    if (!one || !other) return []
    const from = { x: one.x, y: one.bottom }
    const to = { x: other.x, y: one.top === other.top ? other.bottom : other.top }
    return [
      line(from, to, { stroke: '#24292f', 'stroke-width': 2 }),
      ...(says === '' ? [] : label(says, { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 })),
    ]
  })
  const boxes = tiers.flat().flatMap((id) => {
    const { x, top } = places.get(id) ?? { x: 0, top: 0 }
    const box = { x: x - BOX_WIDTH / 2, y: top, width: BOX_WIDTH, height: BOX_HEIGHT, rx: 14 }
    return [
      element('rect', { ...box, fill: '#ffffff', stroke: '#24292f', 'stroke-width': 2 }),
      text(id, { x, y: top + 18 }, 'middle'),
    ]
  })
  // The bus of a segment has them; here a link is beside its host.
  const vteps = chart.columns.map(({ id, vteps }) => {
    const { x } = places.get(id) ?? { x: 0 }
    const router = links.find(({ ends }) => ends[0] === id)?.ends[1] ?? ''
    const isLeft = x < (places.get(router)?.x ?? 0)
    const style = isLeft ? 'soft end' : 'soft'
    return text(vteps.join(', '), { x: x + (isLeft ? -8 : 8), y: bottom + 14 }, style)
  })
  const says = text(`${chart.underlay}, routed`, { x: MARGIN, y: bottom + TIER - 10 }, 'soft')
  return tiers.length === 0 ? [] : [says, ...drawn, ...boxes, ...vteps]
}

/** Each below the middle of those above it that it has links to, no two closer than they are wide. */
function spreadOut(
  tier: readonly string[],
  links: Chart['fabric']['links'],
  above: ReadonlyMap<string, Place>,
): [id: string, x: number][] {
  const mean = (values: readonly number[]) =>
    values.reduce((sum, each) => sum + each, 0) / Math.max(1, values.length)
  const wanted = tier
    .map((id): [string, number] => {
      const peers = links.flatMap(({ ends }) => (ends.includes(id) ? ends : []))
      return [id, mean(peers.flatMap((end) => above.get(end)?.x ?? []))]
    })
    .sort(([, one], [, other]) => one - other)
  let last = Number.NEGATIVE_INFINITY
  const placed = wanted.map(([id, x]): [string, number] => {
    last = Math.max(x, last + BOX_WIDTH + GAP)
    return [id, last]
  })
  const shift = mean(wanted.map(([, x]) => x)) - mean(placed.map(([, x]) => x))
  return placed.map(([id, x]) => [id, x + shift])
}

function label(says: string, { x, y }: { x: number; y: number }): string[] {
  const width = widthOf(says) + 8
  return [
    element('rect', { x: x - width / 2, y: y - 8, width, height: 16, rx: 4, fill: '#ffffff' }),
    text(says, { x, y: y + 4 }, 'link middle'),
  ]
}
