function __mesos_complete
    set -l line (commandline -cp | string collect)
    env COMP_LINE=$line COMP_POINT=(string length -- $line) mesos completion 2>/dev/null
end
complete -c mesos -f -a '(__mesos_complete)'
complete -c mesos-execute -f -a '(__mesos_complete)'
complete -c mesos-ps -f -a '(__mesos_complete)'
complete -c mesos-cat -f -a '(__mesos_complete)'
complete -c mesos-head -f -a '(__mesos_complete)'
complete -c mesos-tail -f -a '(__mesos_complete)'
complete -c mesos-ls -f -a '(__mesos_complete)'
complete -c mesos-find -f -a '(__mesos_complete)'
complete -c mesos-events -f -a '(__mesos_complete)'
complete -c mesos-state -f -a '(__mesos_complete)'
complete -c mesos-resolve -f -a '(__mesos_complete)'
complete -c mesos-ssh -f -a '(__mesos_complete)'
complete -c mesos-scp -f -a '(__mesos_complete)'
complete -c mesos-config -f -a '(__mesos_complete)'
complete -c mesos-completion -f -a '(__mesos_complete)'
complete -c mesos-help -f -a '(__mesos_complete)'
