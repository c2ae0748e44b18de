/** A lab that runs by itself, from the command line: up, looked at, used, tested, captured, down; and what is left of it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { LabStatus } from '../../bin/lab/control-schema.ts'
import type { TestResult } from '../../bin/lab/test-run.ts'
import { startTimeOf } from '../../topologies/lab/netns/state.ts'
import { type LabShell, labShell } from './lab-run.ts'
import { blocksOf } from './pcapng-blocks.ts'
import { topology } from './weft.ts'

// Each command is a process of its own, which takes its time on a machine that has other things to do.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })

let shell: LabShell
beforeAll(() => {
  shell = labShell()
})
afterAll(async () => {
  await shell.weft(['down', '--all'])
  shell.close()
})

test('it comes up, says what to type next, and goes on without who has started it', async () => {
  const { code, stdout, stderr } = await shell.weft(['up', topology('two-tenants.yaml')])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/all ports realized\n\nREST is at http:\/\/127\.0\.0\.1:\d+\/v1/)
  expect(stdout).toContain('weft lab exec --name two-tenants h1.acme-vm1 -- ping -c 3 10.0.0.13')
  const again = await shell.weft(['up', topology('two-tenants.yaml')])
  expect(again).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^Lab two-tenants is up, since/),
  })
})

test('status has hosts, guests and ports, for people and for programs', async () => {
  const { stdout } = await shell.weft(['status', 'two-tenants', '-o', 'json'])
  const status: LabStatus = JSON.parse(stdout)
  expect(status).toMatchObject({ state: 'up', backend: 'memory', ports: { realized: 6, total: 6 } })
  expect(status.hosts?.map(({ id, switch: name }) => [id, name])).toEqual([
    ['h1', 'weft switch'],
    ['h2', 'weft switch'],
  ])
  const guest = { name: 'h1.acme-vm1', port: 'acme/vm1', address: '10.0.0.11', state: 'realized' }
  expect(status.guests).toContainEqual(expect.objectContaining(guest))
  const answer = await fetch(`${status.url}/v1/tenants/acme/ports/vm1`)
  expect(answer.status).toBe(200)
  expect((await shell.weft(['status'])).stdout).toMatch(
    /two-tenants +two-tenants +memory +up +2 +6/,
  )
})

test('a guest pings, and says plainly what it cannot; a name that nobody has is refused', async () => {
  const pinged = await shell.weft([
    'exec',
    'acme-vm1',
    '--',
    'ping',
    '-c',
    '1',
    '-s',
    '8972',
    '10.0.0.12',
  ])
  expect(pinged).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('1 received, 0% packet loss'),
  })
  const silent = await shell.weft(['exec', 'h1.acme-vm1', 'ping', '-c1', '-W0.2', '10.0.0.99'])
  expect(silent).toMatchObject({ code: 1, stdout: expect.stringContaining('0 received, 100%') })
  const cannot = await shell.weft(['exec', 'acme/vm1', '--', 'curl', 'x'])
  expect(cannot).toMatchObject({ code: 127, stdout: expect.stringContaining('and no programs') })
  const nobody = await shell.weft(['exec', 'vm9', '--', 'ip', 'addr'])
  expect(nobody).toMatchObject({ code: 1, stderr: expect.stringContaining('no guest or host vm9') })
})

test('what is captured until Ctrl-C is in the file, to the packet', async () => {
  const file = join(shell.folder, 'a.pcapng')
  const options = ['--guest', 'acme-vm1', '-w', file]
  const capture = shell.start(['capture', 'acme-vm1', 'underlay', ...options])
  await capture.until(/Capturing at 3 places of two-tenants, until Ctrl-C/)
  const pinged = await shell.weft(['exec', 'acme-vm1', '--', 'ping', '-c', '1', '10.0.0.12'])
  expect(pinged.code).toBe(0)
  capture.child.kill('SIGINT')
  expect(await capture.ended).toMatchObject({ code: 0, said: expect.stringMatching(/packets in/) })
  const { packets } = blocksOf(readFileSync(file))
  // Without the question for the MAC, which its host answers, where it was too long ago.
  const echoes = packets.filter(({ frame }) => frame.length > 60)
  expect(echoes.map(({ place, frame }) => [place, frame.length])).toEqual([
    ['h1 acme-vm1', 98],
    ['underlay h1', 148],
    ['underlay h2', 148],
    ['underlay h2', 148],
    ['underlay h1', 148],
    ['h1 acme-vm1', 98],
  ])
})

test('a test of it has checks, the matrix and the scenarios of its topology', async () => {
  const { code, stdout } = await shell.weft(['test', '-o', 'json'])
  const result: TestResult = JSON.parse(stdout)
  expect({ code, ok: result.ok, walks: result.walks }).toEqual({ code: 0, ok: true, walks: [] })
  expect(result.checks.map(({ passed }) => passed)).toEqual(Array(7).fill(true))
  expect(result.matrix.cells.filter(({ seen }) => seen === 'reached')).toHaveLength(12)
  expect(result.scenarios.map(({ state }) => state)).toEqual(['passed'])
  const again = shell.start(['test'])
  await again.until(/scenarios have run on this lab, .*: for another test, weft lab down and up/)
  again.child.kill('SIGINT')
  expect(await again.ended).toMatchObject({ code: 130 })
})

test.each([
  ['jumbo', / is .*topologies\/jumbo\.yaml meant\?\n$/],
  ['stop', / nor is it a command; weft lab --help has those there are\n$/],
])('%s is no file: what may be meant is said', async (word, words) => {
  const { code, stderr } = await shell.weft(['up', word])
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(words) })
})

test('down leaves nothing, and is fine when there is nothing', async () => {
  const { stdout } = await shell.weft(['status', '-o', 'json'])
  const [{ pid }] = JSON.parse(stdout) as [LabStatus]
  const file = join(shell.folder, 'a.pcapng')
  const capture = shell.start(['capture', '-w', file])
  await capture.until(/Capturing/)
  expect(await shell.weft(['down'])).toMatchObject({ code: 0, stderr: '' })
  expect(await capture.ended).toMatchObject({ code: 0, said: expect.stringMatching(/packets? in/) })
  blocksOf(readFileSync(file))
  expect(startTimeOf(pid)).toBeUndefined()
  expect(shell.left().filter((name) => !/^(a.pcapng|site.yaml)$/.test(name))).toEqual([])
  expect(await shell.weft(['down'])).toMatchObject({ code: 0, stdout: 'No lab runs.\n' })
})

test('Ctrl-C while it comes up leaves nothing', async () => {
  // Of a size that takes seconds, so that it does not come up meanwhile.
  const { stdout } = await shell.weft(['generate', '--hosts', '40', '--tenants', '10'])
  const file = join(shell.folder, 'site.yaml')
  writeFileSync(file, stdout)
  const up = shell.start(['up', file, '--name', 'b'])
  await up.until(/controller/)
  up.child.kill('SIGINT')
  expect(await up.ended).toMatchObject({
    code: 130,
    said: expect.stringContaining('weft: stopped'),
  })
  expect(shell.left().filter((name) => !/^(a.pcapng|site.yaml)$/.test(name))).toEqual([])
})

test('a lab of its own is tested in virtual time, by a seed, and nothing of it is left', async () => {
  const file = join(shell.folder, 'trace')
  const args = ['test', topology('two-tenants.yaml'), '--seed', '7', '--trace', file]
  const { code, stdout } = await shell.weft(args)
  expect(code).toBe(0)
  expect(stdout).toContain('two-tenants on a memory lab of its own: --seed 7 is this run again')
  expect(stdout).toContain('matrix     12 pairs of guests: 12 reached, 0 silent, as the document')
  expect(readFileSync(file).length).toBeGreaterThan(0)
})
