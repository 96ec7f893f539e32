"""The doors through which the policies reach people; what good batch work is, `policies` alone says."""
