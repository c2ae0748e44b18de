/**
 * A site too large to be drawn guest by guest: a row for each network, a narrow column for each host, and where they meet how
 * many guests are there. Neighbours: draw.ts (the picture of a smaller one, and who of both is asked), element.ts.
 */
import type { TopologyDocument } from '../../controller/model/document.ts'
import { vtepAddresses } from '../lab/addresses.ts'
import { colours, inOrder } from './chart.ts'
import { element, line, svg, text, widthOf } from './element.ts'

/** What is not drawn is said as a number. */
const MOST = { hosts: 100, rows: 80 }
const [MARGIN, TOP, CELL, ROW] = [24, 96, 15, 17]
const style = `
text { font: 11px ui-sans-serif, system-ui, "DejaVu Sans", sans-serif; fill: #24292f }
.title { font-size: 18px; font-weight: 600 } .soft { fill: #57606a } .count { fill: #ffffff; font-size: 10px; text-anchor: middle }
`

/** @returns an SVG file */
export function drawOverview(document: TopologyDocument): string {
  const hosts = inOrder(document.hosts).map(([id]) => id)
  const networks = inOrder(document.tenants).flatMap(([tenant, own]) =>
    inOrder(own.networks).map(([id, network]) => ({ tenant, id, network })),
  )
  const counts = countsOf(document)
  const shown = { hosts: hosts.slice(0, MOST.hosts), rows: networks.slice(0, MOST.rows) }
  const names = shown.rows.map(({ tenant, id, network: { type, vni, vid } }) => {
    const segment = type === 'vxlan' ? `VNI ${vni}` : vid === undefined ? type : `VLAN ${vid}`
    return `${tenant}/${id}, ${segment}`
  })
  const left = MARGIN + Math.max(...names.map(widthOf), 120) + 12
  const x = (at: number) => left + at * CELL
  const bottom = TOP + shown.rows.length * ROW
  const columns = shown.hosts.flatMap((id, at) => [
    element('rect', {
      ...{ x: x(at), y: TOP - 4, width: CELL - 2, height: bottom - TOP + 8, rx: 3 },
      fill: '#f6f8fa',
    }),
    element(
      'text',
      { class: 'soft', transform: `translate(${Math.round(x(at) + 10)} ${TOP - 8}) rotate(-60)` },
      id,
    ),
  ])
  const rows = shown.rows.flatMap(({ tenant, id }, at) => {
    const y = TOP + at * ROW
    const colour = colours[at % colours.length] ?? ''
    const own = counts.get(`${tenant}/${id}`) ?? new Map<string, number>()
    const places = shown.hosts.flatMap((host, column) => {
      const count = own.get(host)
      return count === undefined ? [] : [{ x: x(column) + CELL / 2 - 1, count }]
    })
    const [first, last] = [places[0], places.at(-1)]
    return [
      text(names[at] ?? '', { x: MARGIN, y: y + 12 }, ''),
      ...(first && last
        ? [line({ x: first.x, y: y + 8 }, { x: last.x, y: y + 8 }, { stroke: colour })]
        : []),
      ...places.flatMap((place) => [
        element('circle', { cx: place.x, cy: y + 8, r: 6, fill: colour }),
        text(`${place.count}`, { x: place.x, y: y + 11.5 }, 'count'),
      ]),
    ]
  })
  const guests = Object.keys(document.workloads).length
  const vteps = inOrder(document.hosts).flatMap(([, host]) => vtepAddresses(host))
  const more = [
    ...(hosts.length > MOST.hosts ? [`${hosts.length - MOST.hosts} hosts`] : []),
    ...(networks.length > MOST.rows ? [`${networks.length - MOST.rows} networks`] : []),
  ]
  const says =
    `${hosts.length} hosts (${vteps[0]} to ${vteps.at(-1)}), ${networks.length} networks of ` +
    `${Object.keys(document.tenants).length} tenants, ${guests} guests; underlay, MTU ${document.underlay.mtuBytes}`
  const notes = [says, ...(more.length > 0 ? [`not drawn: ${more.join(', ')}`] : [])]
  const width = Math.max(x(shown.hosts.length), MARGIN + widthOf(says)) + MARGIN
  return svg(
    { width, height: bottom + 24 + 18 * notes.length },
    `Topology ${document.name}`,
    style,
    [
      text(document.name, { x: MARGIN, y: MARGIN + 14 }, 'title'),
      ...columns,
      ...rows,
      ...notes.map((note, at) => text(note, { x: MARGIN, y: bottom + 26 + 18 * at }, 'soft')),
    ],
  )
}

/** Guests of a network on each host. */
function countsOf({ workloads, tenants }: TopologyDocument): Map<string, Map<string, number>> {
  const counts = new Map<string, Map<string, number>>()
  for (const [name, key] of Object.entries(workloads)) {
    const [host = ''] = name.split('.')
    const [tenant = '', id = ''] = key.split('/')
    const network = `${tenant}/${tenants[tenant]?.ports[id]?.network}`
    const own = counts.get(network) ?? new Map<string, number>()
    counts.set(network, own.set(host, (own.get(host) ?? 0) + 1))
  }
  return counts
}
