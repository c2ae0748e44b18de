/**
 * A topology as a picture: hosts are columns, networks are coloured rails across them, guests hang where the two meet, the
 * underlay and physical networks lie below. The same document gives the same bytes.
 * Neighbours: chart.ts (what is in it), fabric.ts (routers), overview.ts (large
 * sites), element.ts.
 */
import type { TopologyDocument } from '../../controller/model/document.ts'
import {
  type Chart,
  type Column,
  chartOf,
  colours,
  type Guest,
  isLarge,
  type Row,
} from './chart.ts'
import { element, line, svg, text, widthOf } from './element.ts'
import { fabricHeight, fabricParts, type Ground } from './fabric.ts'
import { drawOverview } from './overview.ts'

const MARGIN = 24
const LABELS = 236
const GAP = 18
const CHIP = 24
const HEAD = 58
const FOOT = 34
const BUS = 46
const style = `
text { font: 12px ui-sans-serif, system-ui, "DejaVu Sans", sans-serif; fill: #24292f }
.title { font-size: 18px; font-weight: 600 } .host { font-size: 14px; font-weight: 600 } .soft { fill: #57606a }
.tenant { font-size: 13px; font-weight: 600 } .link { fill: #b35900 } .end { text-anchor: end } .middle { text-anchor: middle }
`

interface Places extends Ground {
  readonly width: number
  readonly height: number
  /** By `tenant/id`: the top, and the rail. */
  readonly rows: ReadonlyMap<string, { readonly y: number; readonly rail: number }>
  /** Where the boxes of hosts begin. */
  readonly top: number
}

/** @returns an SVG file; of a large site one that counts guests */
export function drawTopology(document: TopologyDocument): string {
  if (isLarge(document)) return drawOverview(document)
  const places = placesOf(chartOf(document))
  const { chart } = places
  const title = `Topology ${chart.name}: ${chart.columns.length} hosts, ${chart.rows.length} networks`
  const parts = [
    text(chart.name, { x: MARGIN, y: MARGIN + 14 }, 'title'),
    ...chart.columns.map((column) => hostBox(column, places)),
    ...fabricParts(places),
    ...buses(places),
    ...chart.rows.flatMap((row, at) => rowParts(row, at, places)),
  ]
  return svg(places, title, style, parts)
}

const chipText = ({ name, says }: Guest): string => (says === '' ? name : `${name}  ${says}`)

function placesOf(chart: Chart): Places {
  const columns = new Map<string, { x: number; width: number }>()
  let x = MARGIN + LABELS
  for (const { id, switch: kind, vteps, uplinks, link } of chart.columns) {
    const chips = chart.rows.flatMap((row) => [
      ...(row.guests.get(id) ?? []).map((guest) => widthOf(chipText(guest)) + 20),
      ...(row.joined?.host === id ? [widthOf(row.joined.says) + 36] : []),
    ])
    const feet =
      Math.max(
        vteps.map(widthOf).reduce((sum, each) => sum + each, 0),
        widthOf(link),
      ) +
      70 * uplinks.size
    const width = Math.max(130, widthOf(kind) + 70, feet + 40, ...chips.map((chip) => chip + 24))
    columns.set(id, { x, width })
    x += width + GAP
  }
  const top = MARGIN + 34
  let y = top + HEAD
  const rows = new Map<string, { y: number; rail: number }>()
  let tenant = ''
  for (const row of chart.rows) {
    if (row.tenant !== tenant) y += 22
    tenant = row.tenant
    const chips = Math.max(
      2,
      ...[...row.guests].map(([host, guests]) => guests.length + Number(row.joined?.host === host)),
    )
    rows.set(`${row.tenant}/${row.id}`, { y, rail: y + 6 })
    y += 22 + chips * CHIP
  }
  const bottom = y + FOOT
  const fabric = fabricHeight(chart)
  const height = bottom + fabric + BUS * (Number(fabric === 0) + chart.physical.length) + MARGIN
  return { chart, columns, rows, top, bottom, width: x - GAP + MARGIN, height }
}

function hostBox({ id, switch: kind }: Column, { columns, top, bottom }: Places): string {
  const { x, width } = columns.get(id) ?? { x: 0, width: 0 }
  const frame = { x, y: top, width, height: bottom - top, rx: 8 }
  const bridge = { x: x + 8, y: bottom - 26, width: width - 16, height: 18, rx: 4 }
  return [
    element('rect', { ...frame, fill: '#f6f8fa', stroke: '#8c959f' }),
    text(id, { x: x + 12, y: top + 22 }, 'host'),
    text(kind, { x: x + 12, y: top + 40 }, 'soft'),
    element('rect', { ...bridge, fill: '#d0d7de' }),
    text(
      kind === 'Linux bridge' ? 'a bridge each' : kind === 'ovs-vtep' ? 'switch' : 'br-int',
      { x: x + width / 2, y: bottom - 13 },
      'middle',
    ),
  ].join('')
}

/** Underlay and physical networks, with what leads there from each host. */
function buses({ chart, columns, bottom, width }: Places): string[] {
  const fabric = fabricHeight(chart)
  // Routers stand where the segment would be.
  const all = [...(fabric > 0 ? [] : [{ id: '', says: chart.underlay }]), ...chart.physical]
  return all.map(({ id, says }, index) => {
    const at = fabric > 0 ? index + 1 : index
    const y = bottom + fabric + BUS * (index + 1) - 8
    const colour = at === 0 ? '#24292f' : '#8250df'
    const stubs = chart.columns.flatMap((column) => {
      const place = columns.get(column.id) ?? { x: 0, width: 0 }
      const names = at === 0 ? [column.vteps.join(', ')] : [column.uplinks.get(id) ?? '']
      return names
        .filter((name) => name !== '')
        .map((name) => {
          const x = at === 0 ? place.x + 20 : place.x + place.width - 48 * at
          return [
            line({ x, y: bottom - 8 }, { x, y }, { stroke: colour, 'stroke-width': 2 }),
            element('circle', { cx: x, cy: y, r: 4, fill: colour }),
            text(name, { x: x + 6, y: bottom + 14 }, 'soft'),
            ...(at === 0 && column.link !== ''
              ? [text(column.link, { x: x + 6, y: bottom + 28 }, 'link')]
              : []),
          ].join('')
        })
    })
    return [
      line(
        { x: MARGIN + LABELS - 12, y },
        { x: width - MARGIN, y },
        { stroke: colour, 'stroke-width': 4 },
      ),
      text(says, { x: MARGIN, y: y + 4 }, 'soft'),
      ...stubs,
    ].join('')
  })
}

function rowParts(row: Row, at: number, places: Places): string[] {
  const { chart, columns, rows } = places
  const { y, rail } = rows.get(`${row.tenant}/${row.id}`) ?? { y: 0, rail: 0 }
  const colour = colours[at % colours.length] ?? ''
  const isFirst = chart.rows[at - 1]?.tenant !== row.tenant
  const there = chart.columns.filter(({ id }) => row.guests.has(id) || row.joined?.host === id)
  const ends = there.flatMap(({ id }) => {
    const { x, width } = columns.get(id) ?? { x: 0, width: 0 }
    return [x + 12, x + width - 12]
  })
  const dash = row.isPhysical ? { 'stroke-dasharray': '7 4' } : {}
  const stroke = { stroke: colour, 'stroke-width': 3, ...dash }
  return [
    ...(isFirst ? [text(`tenant ${row.tenant}`, { x: MARGIN, y: y - 8 }, 'tenant')] : []),
    element('rect', { x: MARGIN, y: y + 1, width: 10, height: 10, rx: 2, fill: colour }),
    text(row.id, { x: MARGIN + 16, y: y + 11 }, ''),
    text(row.says, { x: MARGIN + 16, y: y + 27 }, 'soft'),
    text(row.cidrs, { x: MARGIN + 16, y: y + 43 }, 'soft'),
    ...(ends.length > 0
      ? [line({ x: Math.min(...ends), y: rail }, { x: Math.max(...ends), y: rail }, stroke)]
      : []),
    ...there.flatMap(({ id }) => fieldParts(row, id, colour, places)),
  ]
}

/** The guests of one network on one host, below its rail; last the joint with a physical network. */
function fieldParts(row: Row, host: string, colour: string, { columns, rows }: Places): string[] {
  const { x = 0 } = columns.get(host) ?? {}
  const { rail = 0 } = rows.get(`${row.tenant}/${row.id}`) ?? {}
  const chips = (row.guests.get(host) ?? []).map((guest) => ({
    says: chipText(guest),
    fill: '#ffffff',
  }))
  if (row.joined?.host === host) chips.push({ says: `⇄ ${row.joined.says}`, fill: '#f3ecff' })
  return chips.map(({ says, fill }, at) => {
    const y = rail + 8 + at * CHIP
    const box = { x: x + 20, y, width: widthOf(says) + 14, height: CHIP - 5, rx: 9 }
    return [
      line({ x: x + 15, y: rail }, { x: x + 15, y: y + 9 }, { stroke: colour }),
      line({ x: x + 15, y: y + 9 }, { x: x + 20, y: y + 9 }, { stroke: colour }),
      element('rect', { ...box, fill, stroke: colour }),
      text(says, { x: x + 27, y: y + 14 }, ''),
    ].join('')
  })
}
