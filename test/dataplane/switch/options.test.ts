import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const weft = fileURLToPath(new URL('../../../bin/weft.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'weft-options-'))
afterAll(() => rmSync(folder, { recursive: true }))

test.each([
  [['--underlay', 'udp:203.0.113.9'], '203.0.113.9 is no address of this machine'],
  [['--underlay', 'udp:nowhere'], "'nowhere' is no address; it would be udp"],
  [['--underlay', 'packet:lo,192.0.2.1'], "'192.0.2.1' would be ADDRESS/PREFIX"],
  [['--remote', 'ptcp:0:203.0.113.9'], 'cannot listen (listen EADDRNOTAVAIL'],
  [['--remote', 'nowhere'], "'nowhere' is no endpoint"],
  [['--tls-key', '/absent', '--tls-cert', 'x', '--tls-ca', 'y'], 'it wants a PEM file'],
])('weft switch %j ends at once and says which option it was', (args, sentence) => {
  refused('switch', args, sentence)
})

test.each([
  [['--remote', 'nowhere'], "'nowhere' is no endpoint"],
  [['--tunnel-ip', 'banana'], "'banana' is no address; it wants one of this host"],
])('weft agent %j ends at once and says which option it was', (args, sentence) => {
  refused('agent', args, sentence)
})

function refused(what: 'switch' | 'agent', args: readonly string[], sentence: string): void {
  const command = [weft, what, '--rundir', folder, ...args]
  const { status, stdout, stderr } = spawnSync(execPath, command, { encoding: 'utf8' })
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  expect(stderr).toContain(`weft: ${args[0]} ${args[1]}: `)
  expect(stderr).toContain(sentence)
}
