/** The scenarios of topologies/mixed.yaml on the machines of the Vagrantfile, which are up; run.ts brings them up. */
import { registerScenarios } from '../scenarios/register.ts'

registerScenarios('vagrant')
