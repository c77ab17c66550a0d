"""A network whose chain brings scripts of its own, in the form that the peer's have: no command names its home."""

import json
from pathlib import Path

import pytest
from live_network import LiveNetwork, get_json, query
from waiting import eventually

from exposer.records import read_record

pytestmark = pytest.mark.simd

SCRIPTS = {
    "createGenesis": """
set -e
name=$(jq -r '.genesis[0].name' $KEYS_CONFIG)
jq -r '.genesis[0].mnemonic' $KEYS_CONFIG | $CHAIN_BIN init $HOSTNAME --chain-id $CHAIN_ID --recover > /dev/null 2>&1
jq -r '.genesis[0].mnemonic' $KEYS_CONFIG | $CHAIN_BIN keys add $name --recover --keyring-backend test > /dev/null
$CHAIN_BIN genesis add-genesis-account $name $COINS --keyring-backend test
for number in 0 1; do
  jq -r ".validators[$number % (.validators | length)].mnemonic" $KEYS_CONFIG |
    $CHAIN_BIN keys add joining$number --recover --keyring-backend test > /dev/null
  $CHAIN_BIN genesis add-genesis-account joining$number 1000000000$DENOM --keyring-backend test
done
$CHAIN_BIN genesis gentx $name 5000000$DENOM --keyring-backend test --chain-id $CHAIN_ID
$CHAIN_BIN genesis collect-gentxs > /dev/null 2>&1
""",
    "updateGenesis": """
jq '.app_state.gov.params.voting_period = "61s" | .app_state.gov.params.expedited_voting_period = "31s"' \\
  $CHAIN_DIR/config/genesis.json > genesis.json
mv genesis.json $CHAIN_DIR/config/genesis.json
""",
    "updateConfig": """
sed -i -e 's/timeout_commit = "5s"/timeout_commit = "400ms"/' $CHAIN_DIR/config/config.toml
sed -i -e "s/minimum-gas-prices = \\"\\"/minimum-gas-prices = \\"0$DENOM\\"/" $CHAIN_DIR/config/app.toml
""",
    "createValidator": """
set -e
cat > validator.json <<END
{"pubkey": $($CHAIN_BIN tendermint show-validator), "amount": "7000000$DENOM", "moniker": "by a script",
 "commission-rate": "0.1", "commission-max-rate": "0.2", "commission-max-change-rate": "0.01",
 "min-self-delegation": "1"}
END
$CHAIN_BIN tx staking create-validator validator.json --node $NODE_URL --chain-id $CHAIN_ID --from $VAL_NAME \\
  --keyring-backend test --gas auto --gas-adjustment 1.5 --yes --output json
""",
}


def test_a_network_by_scripts(tmp_path: Path, simd: str) -> None:
    """Their genesis is everybody's, the pods find each other, and who joins is bonded by the script's transaction."""
    scripts = {name: {"data": text} for name, text in SCRIPTS.items()}
    chain = {"id": "scripted-1", "name": "simapp", "binary": simd, "numValidators": 3, "scripts": scripts}
    (tmp_path / "network.yaml").write_text(json.dumps({"chains": [chain]}))
    with LiveNetwork(tmp_path, simd) as network:
        network.start(str(tmp_path / "network.yaml"))
        eventually("the network is up", network.is_up)
        pods = network.pods()
        genesis = get_json(f"{pods[0]['exposer_url']}/genesis")
        validators = query(network, simd, "staking", "validators")["validators"]
        record = read_record(network.home("scripted-1-genesis-0"), "init-genesis")

        assert len({pod["genesis_sha256"] for pod in pods}) == 1
        assert genesis["app_state"]["gov"]["params"]["voting_period"] == "61s"
        assert sorted(validator["tokens"] for validator in validators) == ["5000000", "7000000", "7000000"]
        assert {validator["status"] for validator in validators} == {"BOND_STATUS_BONDED"}
        assert record
        assert {"STEP_SCRIPT", "UPDATE_SCRIPT"} <= record.inputs.keys()
        assert network.end() == 0
