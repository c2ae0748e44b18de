/** Labs that run, as lines for people. Neighbours: ../commands/lab-down.ts, table.ts. */
import type { LabStatus } from '../lab/control-schema.ts'
import { counted, tableLines } from './table.ts'
import { type Paint, type Style, unpainted } from './terminal.ts'

const styleOf = (state: string): Style =>
  state === 'up' || state === 'realized' ? 'green' : 'yellow'
const stateCell = (state: string) => ({ text: state, style: styleOf(state) })

/** '40 of 41 realized'. */
const portsOf = ({ ports }: LabStatus): string =>
  ports ? `${ports.realized} of ${ports.total} realized` : ''

/** One line each. */
export function labsLines(labs: readonly LabStatus[], paint: Paint = unpainted): string[] {
  if (labs.length === 0) return ['No lab runs; weft lab up FILE starts one.']
  const rows = labs.map((lab) => [
    ...[lab.name, lab.document, lab.backend, stateCell(lab.state)],
    ...[String(lab.hosts?.length ?? ''), String(lab.guests?.length ?? ''), portsOf(lab)],
    ...[lab.url ?? '', lab.since],
  ])
  const headings = [
    'lab',
    'document',
    'backend',
    'state',
    'hosts',
    'guests',
    'ports',
    'url',
    'since',
  ]
  return tableLines(headings, rows, paint)
}

/** All of one. */
export function labLines(lab: LabStatus, paint: Paint = unpainted): string[] {
  const { hosts = [], guests = [] } = lab
  const facts = tableLines(
    ['property', 'value'],
    [
      ['state', stateCell(lab.state)],
      ['document', `${lab.document}, of ${lab.file}`],
      ['backend', `${lab.backend}${lab.tls ? ' over TLS' : ''}`],
      ['since', lab.since],
      ['process', String(lab.pid)],
      ['url', lab.url ?? ''],
      ['ports', portsOf(lab)],
    ],
    paint,
  )
  const hostRows = hosts.map(({ id, kind, switch: name, vtepAddress, state }) => [
    ...[id, kind, name, vtepAddress],
    stateCell(state),
  ])
  const guestRows = guests.map(({ name, host, port, network, mac, address, state }) => [
    ...[name, host, port, network, mac, address],
    stateCell(state),
  ])
  if (hosts.length === 0) return facts
  return [
    ...facts,
    '',
    ...tableLines(
      [counted(hosts.length, 'host'), 'kind', 'switch', 'vtep', 'state'],
      hostRows,
      paint,
    ),
    '',
    ...tableLines(
      [counted(guests.length, 'guest'), 'host', 'port', 'network', 'mac', 'address', 'state'],
      guestRows,
      paint,
    ),
  ]
}
