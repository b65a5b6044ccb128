"""The hook into datasets, in processes of their own: both import orders, any folder, reloads, a missing resolver."""

from __future__ import annotations

import shutil

import pytest

LOAD = """
rows = datasets.load_dataset("tia2", "counting", data_dir={root!r}, split="test")
if len(rows) != 6:
    raise SystemExit(f"{{len(rows)}} rows")
names = datasets.get_dataset_config_names("tia2")
if names[0] != "all":
    raise SystemExit(str(names))
"""
TIA2_FIRST = {
    "tia2 first": "import tia2, datasets",
    "twice": "import tia2, datasets, tia2._datasets_hook as hook; hook.install(); hook.install()",
    "reload tia2": "import tia2, datasets, importlib; importlib.reload(tia2); importlib.reload(tia2._datasets_hook); "
    "tia2._datasets_hook.install()",
}
DATASETS_FIRST = {
    "datasets first": "import datasets, tia2",
    "function first": "from datasets import load_dataset; import tia2, datasets",
    "submodule first": "import datasets.load, tia2, datasets",
    "reload datasets.load": "import datasets, tia2, importlib, datasets.load; importlib.reload(datasets.load)\n"
    "datasets.load_dataset = datasets.load.load_dataset",
}


@pytest.mark.parametrize("imports", TIA2_FIRST.values(), ids=TIA2_FIRST)
def test_tia2_may_come_first(run_python, layout, imports):
    code, _, stderr = run_python(imports + LOAD.format(root=str(layout.root)))
    assert code == 0, stderr


@pytest.mark.parametrize("imports", DATASETS_FIRST.values(), ids=DATASETS_FIRST)
def test_datasets_may_come_first(run_after_datasets, layout, imports):
    code, _, stderr = run_after_datasets(imports + LOAD.format(root=str(layout.root)))
    assert code == 0, stderr


def test_from_the_repository_root_where_a_folder_has_the_same_name(run_python, layout, repository):
    code, _, stderr = run_python("import tia2, datasets" + LOAD.format(root=str(layout.root)), cwd=repository)
    assert code == 0, stderr


def test_a_script_of_the_same_name_is_no_obstacle(run_python, layout, tmp_path):
    folder = tmp_path / "work"
    (folder / "tia2_data").mkdir(parents=True)
    imports = "import tia2, datasets, os; os.makedirs('tia2', exist_ok=True); open('tia2/tia2.py', 'w').close()"
    code, _, stderr = run_python(imports + LOAD.format(root=str(layout.root)), cwd=folder)
    assert code == 0, stderr


@pytest.fixture
def bare_root(tmp_path, repository):
    """A folder that datasets sees like the repository's root, with a stand-in for the shipped file."""
    from datasets import Dataset

    shipped = tmp_path / "root" / "tia2" / "miniworld" / "assets" / "benchmark" / "mini.parquet"
    shipped.parent.mkdir(parents=True)
    shutil.copy(repository / "tia2" / "README.md", tmp_path / "root" / "tia2" / "README.md")
    (tmp_path / "root" / "tia2" / "other.json").write_text('{"a": 1}')
    Dataset.from_dict({"item_id": ["a", "b"]}).to_parquet(str(shipped))
    return tmp_path / "root"


@pytest.mark.parametrize("name", ["None", "'counting'"])
def test_without_the_import_the_root_names_the_cure(run_after_datasets, bare_root, name):
    code, _, stderr = run_after_datasets(
        f"from datasets import load_dataset; load_dataset('tia2', {name})", cwd=bare_root
    )
    assert code == 1
    assert "tia2/run-import-tia2-first.parquet" in stderr.splitlines()[-1]


def test_without_the_import_mini_loads_in_the_root(run_after_datasets, bare_root):
    code, stdout, stderr = run_after_datasets(
        "from datasets import load_dataset; print(len(load_dataset('tia2', 'mini', split='test')))", cwd=bare_root
    )
    assert code == 0, stderr
    assert stdout.strip() == "2"


def test_readme_names_the_same_configs_and_shipped_file(repository):
    import yaml

    from tia2.benchmark.configs import CONFIGS, MINI_PARQUET

    text = (repository / "tia2" / "README.md").read_text(encoding="utf-8")
    configs = {config["config_name"]: config for config in yaml.safe_load(text.split("---")[1])["configs"]}
    assert configs.keys() == set(CONFIGS)
    assert [name for name, config in configs.items() if config.get("default")] == ["all"]
    paths = {name: config["data_files"][0]["path"] for name, config in configs.items()}
    assert (repository / "tia2" / paths.pop("mini")).resolve() == MINI_PARQUET
    # datasets looks at the first config's file to choose a reader, even when another config is asked for.
    assert next(iter(configs)) == "mini"
    assert set(paths.values()) == {"run-import-tia2-first.parquet"}
    assert not (repository / "tia2" / "run-import-tia2-first.parquet").exists()


def test_other_names_go_through_untouched(run_after_datasets, tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    code, stdout, stderr = run_after_datasets(
        "import tia2; from datasets import load_dataset\n"
        f"print(load_dataset('csv', data_files={str(tmp_path / 'rows.csv')!r}, split='train')[0])"
    )
    assert code == 0, stderr
    assert stdout.strip() == "{'a': 1, 'b': 2}"


def test_import_is_light(run_python):
    heavy = "{'datasets', 'torch', 'pandas', 'numpy', 'pyarrow', 'transformers', 'requests', 'PIL'}"
    code, stdout, _ = run_python(f"import tia2, sys; print(sorted({heavy} & set(sys.modules)))")
    assert code == 0
    assert stdout.strip() == "[]"


@pytest.mark.parametrize("order", ["import datasets.load; del datasets.load.dataset_module_factory; import tia2", None])
def test_a_datasets_without_the_resolver_warns_and_names_the_other_way(run_python, layout, tmp_path, order):
    later = "import tia2, tia2._datasets_hook as hook, types\nhook.wrap_resolver(types.ModuleType('datasets.load'))"
    load = f"\nfrom tia2.benchmark import load; print(len(load('counting', data_dir={str(layout.root)!r})))"
    code, stdout, stderr = run_python((order or later) + load)
    assert code == 0, stderr
    assert stdout.strip() == "6"
    assert 'use tia2.benchmark.load("all") instead' in stderr
