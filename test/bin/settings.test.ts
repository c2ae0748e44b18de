/** Where the settings of a service come from, and what is said of a file that is wrong. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { addAgent } from '../../bin/commands/agent-options.ts'
import { type ServeOptions, serve } from '../../bin/commands/serve.ts'
import { addServe } from '../../bin/commands/serve-options.ts'
import { configured } from '../../bin/config/configured.ts'
import { settingsOf } from '../../bin/config/settings.ts'
import { UsageError } from '../../bin/usage.ts'
import { runWeft } from './weft.ts'

// Some are processes of their own, which take their time on a machine that has other things to do.
vi.setConfig({ testTimeout: 120_000 })

const folder = mkdtempSync(join(tmpdir(), 'weft-settings-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(...lines: readonly string[]): string {
  const path = join(folder, 'serve.yaml')
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''))
  return path
}

/** The command itself, parsed here; what a process of its own would get. */
function settings(
  name: 'serve' | 'agent',
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Record<string, unknown> | undefined {
  const weft = new Command().exitOverride()
  const perform = async () => {}
  addServe(weft, perform, '0.0.0')
  addAgent(weft, perform)
  for (const [key, value] of Object.entries(env)) vi.stubEnv(key, value)
  try {
    weft.parse([name, ...args], { from: 'user' })
    const command = weft.commands.find((each) => each.name() === name) as Command
    return configured(command)
  } finally {
    vi.unstubAllEnvs()
  }
}

test('an option wins over the environment, that over the file, that over the default', () => {
  const path = file('store: file.db', 'log: debug', 'rest: unix:/run/weft.sock', 'auth: false')
  const env = { WEFT_CONFIG: path, WEFT_STORE: 'env.db', WEFT_LOG: 'warn' }
  expect(settings('serve', ['--store', 'option.db'], env)).toMatchObject({
    store: 'option.db',
    log: 'warn',
    rest: { path: '/run/weft.sock' },
    auth: false,
    ovsdb: { host: '0.0.0.0', port: 6640 },
  })
})

test('a flag is true or false everywhere, and a list has spaces in the environment', () => {
  expect(settings('serve', [], { WEFT_AUTH: 'false' })).toMatchObject({ auth: false })
  expect(settings('serve', [], { WEFT_AUTH: 'true' })).toMatchObject({ auth: true })
  expect(settings('serve', ['--no-auth'], { WEFT_AUTH: 'true' })).toMatchObject({ auth: false })
  expect(() => settings('serve', [], { WEFT_AUTH: '0' })).toThrow(
    'WEFT_AUTH=0 is invalid. It would be true or false.',
  )
  const env = { WEFT_REMOTE: 'tcp:192.0.2.1:6640  ssl:192.0.2.2:6640', WEFT_AUDIT: '2' }
  const both = { remote: ['tcp:192.0.2.1:6640', 'ssl:192.0.2.2:6640'], audit: 2 }
  expect(settings('agent', [], env)).toMatchObject(both)
  const path = file('remote: [tcp:192.0.2.1:6640, ssl:192.0.2.2:6640]', 'audit: 2')
  expect(settings('agent', ['--config', path])).toMatchObject(both)
})

test('a file is refused with all that is wrong in it: line, key, value, and what would be right', () => {
  const path = file('# a site', 'stroe: x.db', 'auth: maybe', 'rest: 8080', 'log: inf')
  const refused = (...lines: readonly string[]) =>
    expect(() => settings('serve', ['--config', path])).toThrow(
      new UsageError(lines.map((line) => `${path}:${line}`).join('\n')),
    )
  refused(
    `2:1: stroe is no setting; did you mean 'store'?`,
    '3:7: auth: "maybe" is of the wrong type; expected true or false: when false, let everybody in as operator; for a lab, or behind something that asks',
    '4:7: rest: 8080 is of the wrong type; expected a string: <address:port|unix:path>, where REST listens',
    `5:6: log: "inf" is malformed: it would be one of trace, debug, info, warn, error, fatal, silent; did you mean 'info'?`,
  )
  file('ovsdb: here')
  refused("1:8: ovsdb: 'here' is invalid. It would be ADDRESS:PORT, such as 127.0.0.1:8080.")
  file('store: a', 'store: b')
  refused('2:1: store is there twice')
  file('config: other.yaml', 'remove: true')
  expect(() => settings('agent', ['--config', path])).toThrow(
    /config is no setting[\s\S]*remove is no/,
  )
})

describe('weft serve --print-config', () => {
  test('says where each setting comes from, and is a file that says the same', async () => {
    const path = file('', 'store: "a b.db"', 'ovsdb: "[::1]:6640"', 'jwtIssuer: "two\\nlines"')
    const args = ['serve', '--config', path, '--jwks', 'keys.json', '--print-config']
    const { code, stdout, stderr } = await runWeft(args, { env: { WEFT_REST_INSECURE: 'true' } })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.split('\n').map((line) => line.replace(/ +# /, ' # '))
    expect(lines).toEqual(
      expect.arrayContaining([
        `store: a b.db # ${path}:2`,
        `ovsdb: "[::1]:6640" # ${path}:3`,
        'jwks: keys.json # option',
        `jwtIssuer: "two\\nlines" # ${path}:4`,
        'restInsecure: true # WEFT_REST_INSECURE',
        'rest: 127.0.0.1:8080 # default',
        '# tlsKey: # not set',
      ]),
    )
    writeFileSync(path, stdout)
    expect(settings('serve', ['--config', path])).toMatchObject({
      store: 'a b.db',
      ovsdb: { host: '::1', port: 6640 },
      restInsecure: true,
      auth: true,
      log: 'info',
    })
  })
})

test('a variable that is set to nothing is refused', async () => {
  const { code, stderr } = await runWeft(['serve'], { env: { WEFT_STORE: '' } })
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringContaining("from env 'WEFT_STORE' is invalid. It would be something"),
  })
})

describe('where tokens would be readable on the way, REST', () => {
  const rest = (host: string, more = {}) => {
    const at = { host: '127.0.0.1', port: 0 }
    const where = { store: join(folder, 'site.db'), ovsdb: at, openflow: at }
    const options = { ...where, grace: 5, log: 'silent' }
    // A signal that has gone already: what starts ends again.
    const common = { version: '0', signal: AbortSignal.abort(new Error('enough')) } as const
    return serve({ ...options, ...common, rest: { host, port: 0 }, ...more } as ServeOptions)
  }

  test('is not served', async () => {
    for (const host of ['0.0.0.0', '::', '192.0.2.1', '128.0.0.1', '127.example.org'])
      await expect(rest(host)).rejects.toThrow(`REST at ${host} without TLS`)
    await expect(rest('0.0.0.0', { restTlsKey: 'x.key' })).rejects.toThrow('go together')
  })

  test('is served when one says so, without tokens, and to this machine', async () => {
    expect(await rest('0.0.0.0', { restInsecure: true })).toBe(0)
    expect(await rest('0.0.0.0', { auth: false })).toBe(0)
    for (const host of ['127.0.0.1', '127.0.0.2', 'localhost']) expect(await rest(host)).toBe(0)
  })
})

test('no two settings of a service have one name, and each variable is the name of its option', () => {
  const weft = new Command()
  addServe(weft, async () => {}, '0.0.0')
  addAgent(weft, async () => {})
  for (const command of weft.commands) {
    const rows = settingsOf(command)
    expect(new Set(rows.map(({ key }) => key)).size).toBe(rows.length)
    for (const { env, option } of rows) {
      const name = option.name().replace(/^no-/, '')
      expect(env).toBe(`WEFT_${name.toUpperCase().replaceAll('-', '_')}`)
    }
  }
})
