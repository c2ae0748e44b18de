/** The Vagrantfile and what provisions its machines, as far as both can be judged without virtual machines. */

import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { env } from 'node:process'
import { afterAll, describe, expect, test } from 'vitest'
import { needs, wants } from '../needs.ts'
import { emptyFolder, root, runIn } from './checkout.ts'

describe('the Vagrantfile', wants('vagrant'), () => {
  const folder = emptyFolder()
  afterAll(folder.remove)

  const vagrant = (...args: string[]) =>
    runIn(root, env.PATH ?? '', ['vagrant', ...args], {
      VAGRANT_HOME: join(folder.path, 'home'),
      VAGRANT_DOTFILE_PATH: join(folder.path, 'machines'),
    })

  test('passes vagrant validate', async () => {
    const { code, stdout, stderr } = await vagrant('validate', '--ignore-provider')
    expect(stdout + stderr).toContain('Vagrantfile validated successfully.')
    expect(code).toBe(0)
  })

  test('names a controller and the hosts of topologies/mixed.yaml', async () => {
    const { stdout } = await vagrant('status', '--machine-readable')
    const names = stdout.split('\n').flatMap((line) => line.match(/,([^,]+),state,/)?.[1] ?? [])
    expect(names).toEqual(['controller', 'h1', 'h2', 'v1'])
  })
})

const script = join(root, 'topologies/vagrant/provision.sh')

describe(
  'provisioning in a namespace',
  needs('root', 'netns', 'ovs', 'iproute2', 'setpriv'),
  () => {
    const folder = emptyFolder()
    afterAll(folder.remove)

    /** Runs it twice on one machine; then prints what is there. */
    const provision = async (role: string, then = 'true') => {
      const place = join(folder.path, role)
      const checkout = join(place, 'weft')
      mkdirSync(join(checkout, 'topologies'), { recursive: true })
      for (const file of ['package.json', 'package-lock.json', 'topologies/mixed.yaml'])
        cpSync(join(root, file), join(checkout, file))
      const machine = join(root, 'test/setup/machine/enter.sh')
      // Databases and logs of daemons that run are written all the time.
      const written = `find ${place}/written/{etc,opt,usr} -type f -newer ${place}/between ! -path '*/openvswitch/*conf.db*'`
      const twice = `${script}; touch ${place}/between; ${script}; ${written}; ${then}`
      const { code, stdout, stderr } = await runIn(
        root,
        env.PATH ?? '',
        [machine, place, checkout, 'bash', '-ec', twice],
        {
          ...{ ROLE: role, NAME: 'h1', CONTROLLER: '192.168.56.10', CHECKOUT: checkout },
          ...{ VTEP_ADDRESS: '192.0.2.11', UNDERLAY_MTU: '9100' },
        },
      )
      expect(stderr).toBe('')
      expect(code).toBe(0)
      return stdout.trimEnd().split('\n')
    }

    test('makes a host of Open vSwitch that dials its controller, once', async () => {
      const lines = await provision(
        'ovs',
        'ovs-vsctl get Open_vSwitch . external_ids:system-id; ovs-vsctl get-manager; for each in eth2 eth3; do ip -oneline link show $each | grep -o "mtu [0-9]*"; done',
      )
      const first = lines.findIndex((line) => /^weft: \d+ changes$/.test(line))
      expect(lines.slice(0, first)).toContain('weft: changed: weft-host.service is started')
      expect(lines.slice(first + 1)).toEqual([
        'weft: nothing changed',
        ...['h1', 'tcp:192.168.56.10:6640', 'mtu 9100', 'mtu 9100'],
      ])
    })

    test.each([
      ['vtep', 'weft-agent.service'],
      ['controller', 'weft-controller.service'],
    ])('makes a %s, once, and starts it again when the checkout is another', async (role, unit) => {
      const lines = await provision(role, `echo >> $CHECKOUT/topologies/mixed.yaml; ${script}`)
      const first = lines.findIndex((line) => /^weft: \d+ changes$/.test(line))
      expect(lines.slice(first + 1)).toEqual([
        'weft: nothing changed',
        ...[`weft: changed: ${unit} is started`, 'weft: 1 changes'],
      ])
    })
  },
)
