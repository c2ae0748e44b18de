/**
 * `npm run bench -- ovsdb-codec`: ns to encode and to decode a row of OVSDB, and ms to parse and index a monitor reply
 * of 20,000 ports; python-openvswitch (Debian: python3-openvswitch) does the same with the very same bytes in the same run,
 * side by side in rounds. Both are processes of their own, so that the first monitor of each is a first one.
 *
 * Ours is taken from the first byte in the socket until every row is decoded and found by uuid, name and iface-id;
 * theirs from the whole text in memory, without a socket, with the same two indexes.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath, stdout } from 'node:process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { formatSchema } from '../../southbound/ovsdb/schema-json.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import { columns, monitorReply, PORTS, wireRow } from './ovsdb-codec/messages.ts'

const ROUNDS = 5
const ROWS = 2000
const PYTHON = '/usr/bin/python3'
const measures = ['first_ms', 'first_cpu_ms', 'warm_ms', 'encode_ns', 'decode_ns'] as const
type Figures = Record<(typeof measures)[number], number>

const print = (line: string) => stdout.write(`${line}\n`)
const part = (name: string) => fileURLToPath(new URL(`ovsdb-codec/${name}`, import.meta.url))

async function run(command: string, args: readonly string[]): Promise<Figures> {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env })
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  if (code !== 0) throw new Error(`${command} ${args[0]} ended with ${code}`)
  return JSON.parse(output)
}

function medians(rounds: readonly Figures[]): Figures {
  const middle = (name: keyof Figures) =>
    rounds.map((figures) => figures[name]).toSorted((a, b) => a - b)[rounds.length >> 1] ?? NaN
  return Object.fromEntries(measures.map((name) => [name, Math.round(middle(name))])) as Figures
}

const hasPeer = spawnSync(PYTHON, ['-c', 'import ovs.db.idl']).status === 0
const folder = mkdtempSync(join(tmpdir(), 'weft-bench-'))
try {
  const [reply, rows, schema] = ['reply', 'rows', 'schema'].map((name) => join(folder, name))
  if (!reply || !rows || !schema) throw new Error('three files are needed')
  writeFileSync(reply, monitorReply(2))
  writeFileSync(rows, Array.from({ length: ROWS }, (_, n) => JSON.stringify(wireRow(n))).join('\n'))
  writeFileSync(schema, JSON.stringify(formatSchema(openVSwitch)))
  const megabytes = (statSync(reply).size / 1e6).toFixed(1)
  print(`a monitor reply of ${PORTS} ports, ${columns.length} columns, ${megabytes} MB`)
  if (!hasPeer) print('python-openvswitch is not here (Debian: python3-openvswitch): not measured')

  const [ours, theirs]: [Figures[], Figures[]] = [[], []]
  const loads: number[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    loads.push(loadavg()[0] ?? Number.NaN)
    ours.push(await run(execPath, [part('ours.ts'), reply]))
    if (hasPeer)
      theirs.push(await run(PYTHON, [part('peer.py'), reply, rows, schema, `${columns}`]))
    print(
      `round ${round} of ${ROUNDS}: ${JSON.stringify(ours.at(-1))} ${JSON.stringify(theirs.at(-1) ?? {})}`,
    )
  }
  const load = `${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}`
  const weft = medians(ours)
  const peer = hasPeer ? medians(theirs) : undefined
  print(`\nmedians of ${ROUNDS} rounds, load ${load}`)
  print(
    `${'measure'.padEnd(14)}${'weft'.padStart(8)}${'python-openvswitch'.padStart(20)}${'ratio'.padStart(8)}`,
  )
  for (const name of measures) {
    const ratio = peer ? `${(peer[name] / weft[name]).toFixed(1)} x` : ''
    const other = String(peer?.[name] ?? '')
    print(
      `${name.padEnd(14)}${String(weft[name]).padStart(8)}${other.padStart(20)}${ratio.padStart(8)}`,
    )
  }
  const first = ours.map((figures) => Math.round(figures.first_ms))
  const shared = { bench: 'ovsdb-codec', ports: PORTS, rounds: ROUNDS, load }
  print(
    JSON.stringify([
      { ...shared, ...weft, first_ms_min: Math.min(...first), first_ms_max: Math.max(...first) },
      ...(peer
        ? [
            {
              ...shared,
              peer: 'python-openvswitch',
              ...peer,
              ratio: Number((peer.first_ms / weft.first_ms).toFixed(1)),
            },
          ]
        : []),
    ]),
  )
} finally {
  rmSync(folder, { recursive: true })
}
