/**
 * A stranger's client: types by a public generator from /openapi.json, a program over them that the generated types must let
 * compile and that must work, in a folder of its own with packages of its own (openapi-typescript wants TypeScript 5).
 * Neighbours: stranger/client.ts is the program, northbound/schemas.test.ts what every operation of the document has.
 */

import { cpSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tokenAccess } from '../../controller/access/access.ts'
import { hashOf, newSecret } from '../../controller/access/secret.ts'
import { Controller } from '../../controller/controller.ts'
import { Store } from '../../controller/store/store.ts'
import { emptyFolder, machinePath, runIn } from './checkout.ts'

const folder = emptyFolder()
const secret = newSecret()
let store: Store
let controller: Controller

const run = (command: readonly [string, ...string[]], extra: Record<string, string> = {}) =>
  runIn(folder.path, `${dirname(execPath)}:${machinePath}`, command, extra)
const program = (...path: string[]) => join(folder.path, 'node_modules', ...path)

beforeAll(async () => {
  store = Store.open(':memory:')
  const token = { role: 'member', sha256: hashOf(secret) } as const
  store.commit(
    [
      { collection: 'tenant', key: 'acme', spec: {} },
      { collection: 'token', key: 'acme/stranger', spec: token },
    ],
    { who: 'test' },
  )
  const access = tokenAccess({ snapshot: () => store.snapshot })
  controller = await Controller.start({ store, rest: { host: '127.0.0.1', port: 0 }, access })
  controller.events.add('frames_dropped', 'h1', 'frames of acme/vm1', {
    ...{ port: 'acme/vm1', from: ['port/acme/vm1'] },
  })

  cpSync(fileURLToPath(new URL('stranger', import.meta.url)), folder.path, { recursive: true })
  const installed = await run(['npm', 'ci', '--prefer-offline', '--ignore-scripts', '--no-audit'])
  expect(installed.code, installed.stderr).toBe(0)
  const answer = await fetch(`${controller.url}/openapi.json`)
  writeFileSync(join(folder.path, 'openapi.json'), await answer.text())
})
afterAll(async () => {
  await controller.close()
  store.close()
  folder.remove()
})

test('the document is valid OpenAPI 3.1, as others read the specification', async () => {
  const validator = program('@seriousme', 'openapi-schema-validator', 'bin', 'validate-api-cli.js')
  const { code, stdout, stderr } = await run(['node', validator, 'openapi.json'])
  expect(JSON.parse(stdout), stderr).toEqual({ valid: true })
  expect(code).toBe(0)
})

test('a client made from it compiles and does what it says', async () => {
  const generator = program('openapi-typescript', 'bin', 'cli.js')
  const made = await run(['node', generator, 'openapi.json', '--output', 'weft.d.ts'])
  expect(made.code, made.stderr).toBe(0)
  const compiler = program('typescript', 'bin', 'tsc')
  const { code, stdout } = await run(['node', compiler, '--project', 'tsconfig.json'])
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' })

  const ended = await run(['node', 'client.ts'], {
    ...{ WEFT_URL: controller.url, WEFT_TOKEN: secret },
  })
  expect(`${ended.stdout}${ended.stderr}`.split('\n')).toEqual([
    'network 201 vxlan 1400 realized: true',
    'subnet 201 10.0.0.0/24',
    // The first address of a subnet is its router's.
    ...[1, 2, 3, 4, 5].map((each) => `port vm${each} 201 10.0.0.${each + 1}`),
    'patched 200 {"tier":"db"}',
    'stale 412 urn:weft:problem:precondition_failed If-Match: "9"',
    'pages vm1,vm2 | vm3,vm4 | vm5',
    'plan change network acme/web /mtuBytes',
    'plan add port acme/vm9 /network,/mac,/addresses',
    'event frames_dropped frames of acme/vm1 acme/vm1',
    'stream frames_dropped',
    expect.stringMatching(/^wrong 400 \/mtuBytes an integer: the largest IP packet/),
    'lost 404',
    'nobody 401 Unauthenticated',
    'health ok',
    '',
  ])
  expect(ended.code).toBe(0)
})
