/** TCP streams between guests, by iperf3. Of labs whose guests have TCP. */
import { type Pair, plainPairs, type ScenarioLab } from './scenario.ts'

const IPERF_BYTES = '8M'

/** One stream between each ordered pair of hosts. */
export async function streams(lab: ScenarioLab): Promise<void> {
  const hosts = Object.keys(lab.document.hosts)
  for (const a of hosts)
    for (const b of hosts) {
      const pair = plainPairs(lab).find(({ from, to }) => from.hostId === a && to.hostId === b)
      if (pair) await stream(lab, pair)
    }
}

async function stream(lab: ScenarioLab, { from, to }: Pair): Promise<void> {
  const real = lab.real()
  const server = real.workload(to.name).launch(['iperf3', '-s', '-1', '-J'])
  const address = lab.document.tenants[to.tenant]?.ports?.[to.portId]?.addresses[0] ?? ''
  try {
    await lab.until('iperf3 listens', async () =>
      (await real.workload(to.name).exec(['ss', '-Hltn'])).stdout.includes(':5201'),
    )
    const argv = ['iperf3', '-c', address, '-n', IPERF_BYTES, '--connect-timeout', '5000', '-J']
    const { stdout } = await real
      .workload(from.name)
      .exec(argv, { signal: lab.signal, timeoutMs: 60_000 })
    const { end } = JSON.parse(stdout) as {
      end: {
        sum_received: { bytes: number; bits_per_second: number }
        sum_sent: { retransmits: number }
      }
    }
    const { bytes, bits_per_second } = end.sum_received
    if (bytes < 1_000_000) throw new Error(`${from.name} -> ${to.name}: ${bytes} bytes arrived`)
    const kinds = `${lab.realizer(from.hostId)} -> ${lab.realizer(to.hostId)}`
    lab.tell(
      `TCP ${kinds}: ${Math.round(bits_per_second / 1e6)} Mbit/s, ${end.sum_sent.retransmits} retransmits`,
    )
  } finally {
    server.kill('SIGKILL')
  }
}
