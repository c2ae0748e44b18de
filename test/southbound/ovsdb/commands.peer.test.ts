/**
 * The field's command lines, the same ones on ovsdb-server and on our server, both with
 * Open_vSwitch and hardware_vtep: exit code and output are equal, and the README's table is what
 * came out (`WEFT_WRITE_DOCS=1` writes it).
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Database } from '../../../southbound/ovsdb/database.ts'
import { parseSchema } from '../../../southbound/ovsdb/schema-json.ts'
import { OvsdbServer } from '../../../southbound/ovsdb/server.ts'
import { needs } from '../../needs.ts'
import { type Command, commands } from './commands.ts'
import { ovsSchemaPath, ownPeer, type Peer, realPeer } from './peers.ts'

const vtepSchemaPath = '/usr/share/openvswitch/vtep.ovsschema'
const fromFile = (path: string) => parseSchema(JSON.parse(readFileSync(path, 'utf8')))

interface Outcome {
  readonly code: number | null
  readonly output: string
}

/** One command in a shell; ended with SIGINT once it has printed what it should. */
async function run(peer: Peer, directory: string, command: Command): Promise<Outcome> {
  const shell = (line: string) =>
    line.replaceAll('DB', `unix:${peer.path}`).replaceAll('DIR', directory)
  const child = spawn('sh', ['-c', `exec ${shell(command.line)}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
  let ended = false
  // What hangs is an outcome too.
  const limit = setTimeout(() => {
    output += '(ended by us)'
    child.kill('SIGKILL')
  }, 30_000)
  void exited.then(() => {
    ended = true
    clearTimeout(limit)
  })
  const printed = async (text: RegExp) => {
    while (!ended && !text.test(output)) await sleep(3)
  }
  if (command.after) await printed(command.after)
  for (const other of command.meanwhile ?? []) await run(peer, directory, other)
  if (command.until) {
    await printed(command.until)
    child.kill('SIGINT')
  }
  return { code: await exited, output: plain(output, peer, directory, command) }
}

/** Without what is random on both: uuids, dates, the names of sockets and of programs. */
function plain(output: string, peer: Peer, directory: string, command: Command): string {
  const uuids = new Map<string, string>()
  const text = output
    .replaceAll(peer.path, 'PATH')
    .replaceAll(directory, 'DIR')
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (uuid) => {
      if (uuid.startsWith('0000')) return '(id)'
      if (command.unordered || command.line.includes('since')) return '(id)'
      uuids.set(uuid, uuids.get(uuid) ?? `(id ${uuids.size})`)
      return uuids.get(uuid) ?? ''
    })
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z\|\d+\|/g, '')
    .replace(/\(pid \d+\)|[0-9a-f]{40}/g, '')
    // For people, and of ovsdb-server only.
    .replace(/,"syntax":"(\\.|[^"\\])*"/g, '')
  if (!command.unordered) return sortSchema(text)
  // Columns are as wide as the widest value.
  const lines = text.split('\n').map((line) => line.replace(/-+/g, '-').replace(/ +/g, ' ').trim())
  return lines.sort().join('\n')
}

/** JSON objects are in no order. */
function sortSchema(text: string): string {
  if (!text.startsWith('{"name"') && !text.startsWith('{"cksum"')) return text
  return JSON.stringify(JSON.parse(text), (_, value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
}

/** One cell: how it ended, and how it begins. */
function cell({ code, output }: Outcome): string {
  const first = output.split('\n').find((line) => /[a-z]/i.test(line)) ?? ''
  const shown = first.length > 48 ? `${first.slice(0, 47)}…` : first
  const escaped = shown.replaceAll('|', '\\|').replaceAll('`', "'")
  return `${code === null ? 'runs on' : code}${escaped ? ` \`${escaped}\`` : ''}`
}

describe(
  'the tools of Open vSwitch on ovsdb-server and on our server',
  needs('ovs', 'vtep'),
  () => {
    let peers: Peer[] = []
    let directories: string[] = []
    beforeAll(async () => {
      directories = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'commands-')))
      const text = readFileSync(ovsSchemaPath, 'utf8')
      const schemas = {
        newer: text.replace('"version": "8.', '"version": "9.'),
        // There are more rows.
        narrower: text.replace('"QoS": {', '"QoS": {"maxRows": 1,'),
      }
      expect(new Set([text, ...Object.values(schemas)]).size).toBe(3)
      for (const directory of directories) {
        for (const [name, schema] of Object.entries(schemas)) {
          writeFileSync(join(directory, `${name}.ovsschema`), schema)
        }
      }
      const server = new OvsdbServer(fromFile(ovsSchemaPath), { convertible: true })
      server.add(new Database(fromFile(vtepSchemaPath)))
      peers = [await realPeer([], [ovsSchemaPath, vtepSchemaPath]), await ownPeer(server)]
    })
    afterAll(async () => {
      for (const peer of peers) await peer.close()
      for (const directory of directories) rmSync(directory, { recursive: true, force: true })
    })

    test('end alike, and as the README says', async () => {
      const rows: string[] = []
      const unequal: object[] = []
      const runAll = (peer: Peer, directory: string) =>
        commands.reduce(
          async (before, command) => [...(await before), await run(peer, directory, command)],
          Promise.resolve<Outcome[]>([]),
        )
      const [real = [], own = []] = await Promise.all(
        peers.map((peer, i) => runAll(peer, directories[i] ?? '')),
      )
      for (const [i, { line, differs }] of commands.entries()) {
        const [theirs, ours] = [real[i] as Outcome, own[i] as Outcome]
        const equal = theirs.code === ours.code && theirs.output === ours.output
        if (equal === (differs !== undefined)) unequal.push({ line, theirs, ours })
        const short = line.replaceAll(' --db=DB', '').replaceAll(' DB', '').replaceAll('|', '\\|')
        rows.push(
          `| \`${short}\` | ${cell(theirs)} | ${equal ? 'the same' : `${cell(ours)}: ${differs}`} |`,
        )
      }
      expect(unequal).toEqual([])
      const url = new URL('../../../southbound/ovsdb/README.md', import.meta.url)
      const text = readFileSync(url, 'utf8')
      const block = /(<!-- generated: commands -->\n)[\s\S]*?(<!-- end -->)/
      expect(text).toMatch(block)
      const body = ['| command | ovsdb-server 3.1 | this server |', '|---|---|---|', ...rows].join(
        '\n',
      )
      const wanted = text.replace(
        block,
        (_, begin: string, end: string) => `${begin}${body}\n${end}`,
      )
      if (process.env.WEFT_WRITE_DOCS) writeFileSync(url, wanted)
      else expect(text).toBe(wanted)
    }, 120_000)
  },
)
