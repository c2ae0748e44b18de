/**
 * vtep-ctl and ovsdb-client, the same lines on `weft agent` and on ovsdb-server with the vtep schema:
 * exit code and output are equal but where the table says why not, and southbound/agent/README.md has
 * what came out (`WEFT_WRITE_DOCS=1` writes it).
 */
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../../needs.ts'
import { type AgentSite, openAgentSite, until } from '../../netns/agent-site.ts'
import { type Peer, realPeer } from '../ovsdb/peers.ts'
import { type Command, commands, prelude } from './commands.ts'
import { generated } from './readme.ts'

interface Outcome {
  readonly code: number | null
  readonly output: string
}

async function run(target: string, command: Command): Promise<Outcome> {
  const child = spawn('sh', ['-c', command.line.replaceAll('DB', target)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  let isOver = false
  const over = new Promise<number | null>((resolve) => child.once('close', resolve))
  void over.then(() => {
    isOver = true
  })
  const printed = async (text: RegExp) => {
    for (let i = 0; i < 1000 && !isOver && !text.test(output); i++) await sleep(5)
  }
  if (command.after) await printed(command.after)
  if (command.meanwhile !== undefined) await run(target, { line: command.meanwhile })
  if (command.until) {
    await printed(command.until)
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT')
  }
  const code = await over
  return { code, output: plain(output, target) }
}

/** Without uuids, dates and the names of sockets; columns as wide as they need to be. */
function plain(output: string, target: string): string {
  return output
    .replaceAll(target, 'DB')
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '(id)')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z\|\d+\|/g, '')
    .replace(/,"syntax":"(\\.|[^"\\])*"/g, '')
    .replace(/-{3,}/g, '---')
    .replace(/ +/g, ' ')
}

function cell({ code, output }: Outcome): string {
  const first = output.split('\n').find((line) => /[a-z]/i.test(line)) ?? ''
  const shown = first.length > 48 ? `${first.slice(0, 47)}…` : first
  const escaped = shown.replaceAll('|', '\\|').replaceAll('`', "'")
  return `${code === null ? 'runs on' : code}${escaped ? ` \`${escaped.trim()}\`` : ''}`
}

describe(
  'vtep-ctl and ovsdb-client on an agent and on ovsdb-server',
  needs('root', 'netns', 'iproute2', 'nft', 'ovs', 'vtep'),
  () => {
    let site: AgentSite
    let peer: Peer
    beforeAll(async () => {
      site = await openAgentSite()
      peer = await realPeer([], ['/usr/share/openvswitch/vtep.ovsschema'])
      for (const line of prelude) await run(`unix:${peer.path}`, { line })
      await site.hosts.h1.start()
    })
    afterAll(async () => {
      await peer?.close()
      await site?.close()
    })

    test('end alike, and as the README says', async () => {
      const { h1 } = site.hosts
      const rows: string[] = []
      const unequal: object[] = []
      for (const command of commands) {
        if (command.line.includes('list-local-macs')) {
          await until('the agent has reported', async () =>
            (await h1.vtep('list-local-macs red')).includes('192.0.2.11'),
          )
        }
        const theirs = await run(`unix:${peer.path}`, command)
        const ours = await run(h1.target, command)
        const { line, differs } = command
        const isEqual = theirs.code === ours.code && theirs.output === ours.output
        if (isEqual === (differs !== undefined)) unequal.push({ line, theirs, ours })
        const short = line.replaceAll(' --db=DB', '').replaceAll(' DB', '').replaceAll('|', '\\|')
        const own = isEqual ? 'the same' : `${cell(ours)}: ${differs}`
        rows.push(`| \`${short}\` | ${cell(theirs)} | ${own} |`)
      }
      expect(unequal).toEqual([])
      const head = ['| command | ovsdb-server 3.1 | `weft agent` |', '|---|---|---|']
      generated('commands', [...head, ...rows])
    })
  },
)
