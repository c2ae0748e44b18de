/** The systemd units: judged by systemd's own programs, and what a service says to whoever started it. */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { startedService } from '../../bin/systemd/notify.ts'
import { needs } from '../needs.ts'
import { startServing } from './serving.ts'
import { bareEnvironment, program, runWeft } from './weft.ts'

const folder = mkdtempSync(join(tmpdir(), 'weft-units-'))
afterAll(() => rmSync(folder, { recursive: true }))

const services = ['serve', 'agent'] as const

const made = new Map<string, Promise<string>>()

/** Its path; printed once. */
function unitFile(service: string): Promise<string> {
  const file = join(folder, `weft-${service}.service`)
  const known = made.get(service)
  if (known !== undefined) return known
  const making = runWeft(['unit', service]).then(({ code, stdout, stderr }) => {
    expect(code, stderr).toBe(0)
    writeFileSync(file, stdout)
    return file
  })
  made.set(service, making)
  return making
}

describe('the unit of', needs('systemdAnalyze'), () => {
  test.each(services)(
    'weft %s has nothing that systemd does not know, and little to attack',
    async (service) => {
      const file = await unitFile(service)
      const analyze = (...args: readonly string[]) =>
        execFileSync('systemd-analyze', [...args, file], { encoding: 'utf8', stdio: 'pipe' })
      expect(analyze('verify')).toBe('')
      // In tenths, of 10.0; above it the exit code is another one. What is left is the network, which is what it is for.
      expect(analyze('security', '--offline=true', '--threshold=20')).toContain('Overall exposure')
    },
  )

  test.each(services)('weft %s starts this program, by options that it has', async (service) => {
    const [line = ''] = /^ExecStart=.*$/m.exec(readFileSync(await unitFile(service), 'utf8')) ?? []
    const [node, script, ...args] = line.slice('ExecStart='.length).split(' ')
    expect([node, script]).toEqual([execPath, program])
    const config = args.indexOf('--config') + 1
    const settings = join(folder, `${service}.yaml`)
    writeFileSync(settings, 'log: debug\n')
    args[config] = settings
    const { code, stdout } = await runWeft([...args, '--print-config'])
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^log: debug/m),
    })
  })
})

describe('a service of Type=notify', needs('python'), () => {
  /** A datagram socket, as systemd has one; gives each datagram as a line. */
  async function manager(path: string): Promise<{ next(): Promise<string>; close(): void }> {
    const script = [
      'import socket, sys',
      's = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)',
      "s.bind(sys.argv[1].replace('@', chr(0), 1))",
      "print('bound', flush=True)",
      'while True: print(s.recv(4096).decode(), flush=True)',
    ]
    const child = spawn('/usr/bin/python3', ['-c', script.join('\n'), path])
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    const next = async () => `${(await lines.next()).value}`
    expect(await next()).toBe('bound')
    return { next, close: () => child.kill('SIGKILL') }
  }

  test('says that it is ready once it serves, that it lives, that it stops', async () => {
    const path = join(folder, 'notify')
    const { next, close } = await manager(path)
    const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: '200000' }
    const { child, url, ended } = await startServing(['--store', ':memory:', '--no-auth'], env)
    expect(await next()).toBe('READY=1')
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    expect([await next(), await next()]).toEqual(['WATCHDOG=1', 'WATCHDOG=1'])
    child.kill('SIGTERM')
    let said = await next()
    while (said === 'WATCHDOG=1') said = await next()
    expect(said).toBe('STOPPING=1')
    expect(await ended).toBe(0)
    close()
  })

  test('speaks to abstract names too, and goes on where nobody listens', async () => {
    const name = `@weft-test-${process.pid}`
    const { next, close } = await manager(name)
    const warnings: string[] = []
    const log = { warn: (_: object, event: string) => void warnings.push(event) }
    vi.stubEnv('NOTIFY_SOCKET', name)
    startedService(log).stopping()
    expect([await next(), await next()]).toEqual(['READY=1', 'STOPPING=1'])
    close()
    vi.stubEnv('NOTIFY_SOCKET', join(folder, 'nobody'))
    startedService(log)
    vi.unstubAllEnvs()
    expect(warnings).toEqual(['systemd was not told'])
  })
})

const forAgent = needs('root', 'netns', 'iproute2', 'nft', 'vtep', 'setpriv')
test(
  'weft agent does its work with the capabilities of its unit and no others, as nobody',
  forAgent,
  async () => {
    const unit = readFileSync(await unitFile('agent'), 'utf8')
    const [, bounding = ''] = /^CapabilityBoundingSet=(.*)$/m.exec(unit) ?? []
    const set = `-all,${bounding.toLowerCase().replaceAll('cap_', '+').replaceAll(' ', ',')}`
    const namespace = `weft-unit-${process.pid}`
    const rundir = mkdtempSync(join(folder, 'agent-'))
    execFileSync('chmod', ['0755', folder])
    execFileSync('chown', ['65534:65534', rundir])
    execFileSync('ip', ['netns', 'add', namespace])
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs']
    const limits = ['bounding-set', 'inh-caps', 'ambient-caps'].map((which) => `--${which}=${set}`)
    const agent = [execPath, program, 'agent', '--name', 'h9', '--rundir', rundir]
    const child = spawn('ip', ['netns', 'exec', namespace, ...nobody, ...limits, ...agent], {
      env: bareEnvironment(),
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const ended = new Promise((resolve) => child.once('close', resolve))
    try {
      await new Promise<void>((resolve, reject) => {
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          if (text.includes('ready as h9')) resolve()
        })
        void ended.then((code) => reject(new Error(`weft agent ended with ${code}`)))
      })
      const vtep = (...args: readonly string[]) =>
        execFileSync('vtep-ctl', [`--db=unix:${rundir}/vtep.sock`, '--timeout=60', ...args], {
          encoding: 'utf8',
        })
      const ip = (...args: readonly string[]) =>
        execFileSync('ip', ['-n', namespace, ...args], { encoding: 'utf8' })
      ip('link', 'add', 'eth7', 'type', 'veth', 'peer', 'name', 'eth8')
      vtep('set', 'Physical_Switch', 'h9', 'tunnel_ips=192.0.2.11')
      vtep('add-ls', 'red', '--', 'set', 'Logical_Switch', 'red', 'tunnel_key=5001')
      vtep('wait-until', 'Physical_Port', 'eth7')
      vtep('bind-ls', 'h9', 'eth7', '0', 'red')
      while (!/ eth7.* master weft-5001/.test(ip('-o', 'link'))) await delay(50)
      expect(ip('-o', 'link')).toMatch(/ vx5001.* master weft-5001/)
    } finally {
      child.kill('SIGTERM')
      await ended
      execFileSync('ip', ['netns', 'del', namespace])
    }
    expect(existsSync(join(rundir, 'vtep.db'))).toBe(true)
  },
)
